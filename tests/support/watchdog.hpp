// SPDX-License-Identifier: MIT
// A test that hangs fails, with its name.
#pragma once

#include <gtest/gtest.h>

#include <array>

#include "common/os/sanitizers.hpp"

namespace flagship::test {

/// Ends the program when one test takes longer than `seconds`, which no test does that works. By
/// SIGALRM, which a forked child does not inherit: no thread, so that tests may fork.
class Watchdog : public testing::EmptyTestEventListener {
 public:
  explicit Watchdog(unsigned seconds) : seconds_(seconds) {}
  void OnTestStart(const testing::TestInfo&) override;
  void OnTestEnd(const testing::TestInfo&) override;

 private:
  static void bark(int);
  const unsigned seconds_;
};

/// A sanitizer makes programs start ten times as slowly.
inline constexpr unsigned kSecondsOfATest = kSanitized ? 270 : 90;

/// To be called in main, once googletest is initialised.
void install_watchdog(unsigned seconds = kSecondsOfATest);

}  // namespace flagship::test
