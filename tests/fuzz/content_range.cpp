// SPDX-License-Identifier: MIT
// Which part of a file a server says that it sends.
#include "worker/fetch/content_range.hpp"

#include <string>

#include "tests/fuzz/target.hpp"

FUZZ_TARGET(content_range) {
  using flagship::fetch::parse_content_range;
  using flagship::fuzz::check;
  const auto range = parse_content_range(bytes);
  if (!range) return;
  check(range->first <= range->last && range->length() > 0, "a part holds something");
  check(!range->whole || range->last < *range->whole, "a part is within its file");
  const std::string text = "bytes " + std::to_string(range->first) + "-" +
                           std::to_string(range->last) + "/" +
                           (range->whole ? std::to_string(*range->whole) : "*");
  const auto same = parse_content_range(text);
  check(same && same->first == range->first && same->last == range->last &&
            same->whole == range->whole,
        "it is the same when written");
}
