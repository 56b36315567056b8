// SPDX-License-Identifier: MIT
// The text of a list of URLs: lines, and what they ask for.
#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <string>
#include <string_view>

#include "master/fetch/item.hpp"

namespace flagship::fetch {

inline constexpr std::string_view kListBlanks = " \t\r";

struct Line {
  std::string text;        // without its end; no more of it than shows that it is no URL
  std::size_t number = 0;  // from 1
};

/// Cuts what is read, piece by piece, into lines.
class LineSplitter {
 public:
  /// Appends the lines that end in `bytes`.
  void add(std::string_view bytes, std::deque<Line>& lines);
  /// Appends the last line, if it had no end.
  void finish(std::deque<Line>& lines);

 private:
  void end_line(std::deque<Line>& lines);

  std::string partial_;
  std::size_t number_ = 0;
};

/// What a line of the list `name` asks for, but for its index. Nothing: it is blank or a comment.
std::optional<Item> item_of_line(const Line& line, const std::string& name);

}  // namespace flagship::fetch
