// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <deque>
#include <string>
#include <string_view>

namespace flagship::fetch {

struct Line {
  std::string text;        // without its end; of a longer one a byte more than the longest
  std::size_t number = 0;  // from 1
};

/// Cuts what is read, piece by piece, into lines.
class LineSplitter {
 public:
  /// No more is kept of a line than shows that it is longer than `longest`.
  explicit LineSplitter(std::size_t longest) : longest_(longest) {}

  /// Appends the lines that end in `bytes`.
  void add(std::string_view bytes, std::deque<Line>& lines);
  /// Appends the last line, if it had no end.
  void finish(std::deque<Line>& lines);

 private:
  void end_line(std::deque<Line>& lines);

  const std::size_t longest_;
  std::string partial_;
  std::size_t number_ = 0;
};

}  // namespace flagship::fetch
