// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace flagship::pool {

/// "... 123 bytes left out"
std::string left_out(std::size_t bytes);

/// Makes whole lines of a stream of bytes. What of an unfinished line is more than kLongest is
/// left out, which the line says then: a flood without an end of line takes no memory.
class LineCutter {
 public:
  static constexpr std::size_t kLongest = 64 * 1024;

  /// Appends to `lines` what is whole by now.
  void add(std::string_view bytes, std::string& lines);
  /// The stream has ended: the unfinished line is one too.
  void end(std::string& lines);

 private:
  void keep(std::string_view part);
  void finish(std::string& lines);

  std::string unfinished_;
  std::size_t left_out_ = 0;
};

/// The last of many lines.
class Tail {
 public:
  static constexpr std::size_t kMostBytes = 4 * 1024;
  static constexpr std::size_t kMostLines = 20;

  void add(std::string_view lines);
  /// Without the end of the last.
  std::string text() const;

 private:
  std::string kept_;  // more than is told, so as not to move bytes for each line
};

}  // namespace flagship::pool
