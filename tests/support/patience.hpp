// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <thread>

namespace flagship::test {

/// Must not run out: whoever waits this long waits for something that does not come.
inline constexpr std::chrono::seconds kPatience{30};
/// Must run out: short, and nothing may depend on how short.
inline constexpr std::chrono::milliseconds kSoon{20};

/// Looks until the condition holds; false when the limit passed first.
template <class Condition>
bool wait_until(Condition condition, std::chrono::nanoseconds limit = kPatience) {
  const auto end = std::chrono::steady_clock::now() + limit;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

}  // namespace flagship::test
