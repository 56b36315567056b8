// SPDX-License-Identifier: MIT
#include "master/fetch/list_lines.hpp"

#include <utility>

namespace flagship::fetch {

void LineSplitter::add(std::string_view bytes, std::deque<Line>& lines) {
  for (;;) {
    const std::size_t end = bytes.find('\n');
    const std::string_view part = bytes.substr(0, end);
    if (partial_.size() <= longest_) partial_ += part.substr(0, longest_ + 1 - partial_.size());
    if (end == std::string_view::npos) return;
    end_line(lines);
    bytes.remove_prefix(end + 1);
  }
}

void LineSplitter::finish(std::deque<Line>& lines) {
  if (!partial_.empty()) end_line(lines);
}

void LineSplitter::end_line(std::deque<Line>& lines) {
  lines.push_back({std::exchange(partial_, {}), ++number_});
}

}  // namespace flagship::fetch
