// SPDX-License-Identifier: MIT
// What a worker prints, as its pipe hands it over: the first byte says how much at a time.
#include <algorithm>
#include <string>

#include "master/pool/io/lines.hpp"
#include "tests/fuzz/target.hpp"

namespace {

using namespace flagship::pool;
using flagship::fuzz::check;

std::string lines_of(std::string_view bytes, std::size_t at_a_time) {
  LineCutter cutter;
  std::string lines;
  while (!bytes.empty()) {
    cutter.add(bytes.substr(0, at_a_time), lines);
    check(lines.empty() || lines.back() == '\n', "only whole lines come out");
    bytes.remove_prefix(std::min(bytes.size(), at_a_time));
  }
  cutter.end(lines);
  return lines;
}

}  // namespace

FUZZ_TARGET(output) {
  const std::size_t at_a_time = 1 + flagship::fuzz::take<std::uint8_t>(bytes);
  const std::string lines = lines_of(bytes, at_a_time);
  check(lines == lines_of(bytes, bytes.size() + 1), "lines are the same however they come");
  std::string whole(bytes);
  if (!whole.empty() && whole.back() != '\n') whole += '\n';
  check(lines == whole || bytes.size() > LineCutter::kLongest, "nothing is lost");
  Tail tail;
  for (std::string_view rest = lines; !rest.empty();) {
    const std::string_view line = rest.substr(0, rest.find('\n') + 1);
    tail.add(line);
    rest.remove_prefix(line.size());
  }
  const std::string text = tail.text();
  check(text.size() <= Tail::kMostBytes, "the last lines are few bytes");
  check(std::count(text.begin(), text.end(), '\n') < static_cast<long>(Tail::kMostLines),
        "the last lines are few");
  check((lines.ends_with(text + '\n') || lines.empty()), "the last lines are the last");
}
