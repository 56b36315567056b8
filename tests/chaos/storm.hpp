// SPDX-License-Identifier: MIT
// Bad weather for the workers of a pool.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <chrono>
#include <deque>
#include <flagship/flagship.hpp>
#include <thread>
#include <utility>
#include <vector>

#include "tests/chaos/setting.hpp"

namespace flagship::chaos {

/// Sends a signal to a random worker every 20 ms, until it is told to stop. Whom it stops by
/// SIGSTOP goes on a little later. Only when calls have come to an end since the last time: a pool
/// whose workers all die before they do anything is broken, and rightly so.
class Storm {
 public:
  /// `ended`: how many calls have ended by now.
  Storm(const ProcessPoolExecutor& pool, std::uint64_t seed, std::vector<int> signals,
        const std::atomic<std::size_t>& ended);
  Storm(const Storm&) = delete;
  Storm& operator=(const Storm&) = delete;
  ~Storm();

  /// How many workers it may have killed.
  std::size_t stop();

 private:
  using Clock = std::chrono::steady_clock;

  void blow();
  void strike();
  void wake_before(Clock::time_point time);

  const ProcessPoolExecutor& pool_;
  Dice dice_;
  const std::vector<int> signals_;
  const std::atomic<std::size_t>& ended_;
  std::size_t ended_before_ = 0;
  std::deque<std::pair<Clock::time_point, pid_t>> asleep_;
  std::size_t killed_ = 0;
  std::atomic<bool> over_{false};
  std::thread thread_;
};

}  // namespace flagship::chaos
