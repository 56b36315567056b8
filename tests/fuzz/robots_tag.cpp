// SPDX-License-Identifier: MIT
// The lines of X-Robots-Tag.
#include "worker/fetch/robots_tag.hpp"

#include <string>

#include "tests/fuzz/target.hpp"

FUZZ_TARGET(robots_tag) {
  using namespace flagship::fetch;
  using flagship::fuzz::check;
  const std::string_view found = refusing_directive(bytes, "flagship");
  const std::string more = std::string(bytes) + "\nnoai";
  check(!refusing_directive(more, "flagship").empty(), "a line for all counts behind any others");
  if (!found.empty())
    check(refusing_directive(more, "flagship") == found, "the first one that refuses is named");
}
