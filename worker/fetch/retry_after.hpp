// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <optional>
#include <string_view>

namespace flagship::fetch {

/// What a Retry-After field asks for: whole seconds, or a date in any of the three forms of RFC
/// 9110 §5.6.7, told as the time left at `now` (zero when it has passed). Nothing when the field
/// cannot be read. Never more than a year: what is longer means "do not come back" all the same.
std::optional<std::chrono::milliseconds> parse_retry_after(
    std::string_view field, std::chrono::system_clock::time_point now);

}  // namespace flagship::fetch
