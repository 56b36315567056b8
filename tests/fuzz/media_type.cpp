// SPDX-License-Identifier: MIT
// The types that are wanted, in the first line, and the beginning of a body.
#include "worker/fetch/media_type.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include "tests/fuzz/target.hpp"

FUZZ_TARGET(media_type) {
  using namespace flagship::fetch;
  using flagship::fuzz::check;
  const std::string_view line = bytes.substr(0, bytes.find('\n'));
  const std::string_view first = bytes.substr(std::min(bytes.size(), line.size() + 1));
  const std::vector<std::string> accepted{std::string(line)};
  const std::string_view type = type_by_content(first);
  check(type.empty() || is_type_pattern(type), "a type is one");
  check(!content_contradicts(accepted, first) || !type.empty(), "only what is known contradicts");
  check(!accepts(accepted, type) || !content_contradicts(accepted, first),
        "what is accepted does not contradict");
  if (is_type_pattern(line)) check(accepts(accepted, line), "a pattern accepts itself");
}
