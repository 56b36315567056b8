// SPDX-License-Identifier: MIT
// Content-Range as a server sends it.
#include "worker/fetch/content_range.hpp"

#include <string>

#include "tests/fuzz/target.hpp"

FUZZ_TARGET(content_range) {
  using flagship::fetch::parse_content_range;
  using flagship::fuzz::check;
  const auto range = parse_content_range(bytes);
  if (!range) return;
  check(range->first <= range->last, "the last byte is not before the first");
  check(!range->whole || range->last < *range->whole, "a part is within the whole");
  check(range->length() >= 1, "a part is not empty");
  const std::string again = "bytes " + std::to_string(range->first) + "-" +
                            std::to_string(range->last) + "/" +
                            (range->whole ? std::to_string(*range->whole) : "*");
  const auto same = parse_content_range(again);
  check(same && same->first == range->first && same->last == range->last &&
            same->whole == range->whole,
        "it is the same when written anew");
}
