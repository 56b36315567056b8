// SPDX-License-Identifier: MIT
// Times and sizes as people type them.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace flagship {

/// "500ms", "2s", "1m", "1h", "2d", "0.25"; a plain number is seconds. Nothing for anything else,
/// negative times, NaN and more than a month too.
std::optional<std::chrono::milliseconds> parse_duration(std::string_view text);

/// "10k", "5M", "1G" are powers of 1024; a plain number is bytes. Nothing for anything else.
std::optional<std::uint64_t> parse_size(std::string_view text);

/// "1.5 s", "20 ms", "3 us": three significant digits at most.
std::string format_duration(std::chrono::nanoseconds time);

}  // namespace flagship
