// SPDX-License-Identifier: MIT
// The Retry-After field of an answer. The first four bytes are the time: seconds since 1970.
#include "worker/fetch/retry_after.hpp"

#include <string>

#include "tests/fuzz/target.hpp"

FUZZ_TARGET(retry_after) {
  using flagship::fuzz::check;
  using namespace std::chrono_literals;
  using flagship::fetch::parse_retry_after;
  const std::chrono::system_clock::time_point now(
      std::chrono::seconds(flagship::fuzz::take<std::uint32_t>(bytes)));
  const auto wait = parse_retry_after(bytes, now);
  if (!wait) return;
  check(*wait >= 0ms && *wait <= 24h * 365, "from nothing to a year");
  check(parse_retry_after(" " + std::string(bytes) + "\r\n", now) == wait, "blanks do not count");
}
