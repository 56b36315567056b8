// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace flagship::fetch {

/// Which part of a file a 206 holds: "bytes 5-9/10", first and last included.
struct ContentRange {
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  std::optional<std::uint64_t> whole;  // nothing: the server does not say

  std::uint64_t length() const { return last - first + 1; }
};

/// Nothing for what is not a range of bytes.
std::optional<ContentRange> parse_content_range(std::string_view field);

}  // namespace flagship::fetch
