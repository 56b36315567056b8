// SPDX-License-Identifier: MIT
// Times and sizes as people type them.
#include "common/units.hpp"

#include "tests/fuzz/target.hpp"

FUZZ_TARGET(units) {
  using flagship::fuzz::check;
  using namespace std::chrono_literals;
  if (const auto time = flagship::parse_duration(bytes)) {
    check(*time >= 0ms && *time <= 4'000'000'000ms, "a time is from 0 to 4e9 ms");
    check(flagship::parse_duration(std::to_string(time->count()) + "ms") == time,
          "it is the same when written in milliseconds");
  }
  if (const auto size = flagship::parse_size(bytes))
    check(*size <= 9'000'000'000'000'000'000u, "a size is not more than 9e18");
  const std::chrono::nanoseconds any(flagship::fuzz::take<std::int64_t>(bytes));
  const std::string shown = flagship::format_duration(any);
  check(!shown.empty() && shown.size() < 32, "a time is shown in a few letters");
}
