// SPDX-License-Identifier: MIT
// A list of URLs. The first two bytes say where the reading of it is interrupted.
#include <algorithm>
#include <deque>

#include "master/fetch/list_lines.hpp"
#include "tests/fuzz/target.hpp"

namespace {

using namespace flagship::fetch;
using flagship::fuzz::check;

std::deque<Line> lines_of(std::string_view text, std::size_t interrupted) {
  std::deque<Line> lines;
  LineSplitter splitter;
  splitter.add(text.substr(0, interrupted), lines);
  splitter.add(text.substr(interrupted), lines);
  splitter.finish(lines);
  return lines;
}

}  // namespace

FUZZ_TARGET(list) {
  const std::size_t at = flagship::fuzz::take<std::uint16_t>(bytes);
  const std::deque<Line> lines = lines_of(bytes, std::min(at, bytes.size()));
  const std::deque<Line> whole = lines_of(bytes, 0);
  check(lines.size() == whole.size(), "lines are the same however they are read");
  for (std::size_t i = 0; i < lines.size(); ++i) {
    check(lines[i].text == whole[i].text, "a line is the same however it is read");
    check(lines[i].number == i + 1, "lines are counted");
    const auto item = item_of_line(lines[i], "list");
    if (!item || !item->trouble.empty()) continue;
    check(item->url.find_first_of(" \t\n") == std::string::npos, "a URL holds no blank");
    check(!item->key.empty(), "an item has a key");
  }
}
