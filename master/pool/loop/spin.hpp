// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstddef>

namespace flagship::pool {

/// Whether to look again for a moment before going to sleep. Waking an idle CPU is most of what a
/// lone call costs, so it pays while short calls come one by one, and only then. Pure.
class SpinPolicy {
 public:
  explicit SpinPolicy(std::size_t cpus) : cpus_(cpus) {}

  static constexpr std::chrono::microseconds kFor{100};

  /// `out`: calls handed over and not ended; `busy`: something happened just now; `mean_ns`:
  /// running time of calls lately.
  bool worthwhile(std::size_t queued, std::size_t out, bool busy, double mean_ns) {
    if (queued > 0 || out >= cpus_ || (out == 0 && !busy) || mean_ns < 0 || mean_ns > kShortCallNs)
      return false;
    if (in_vain_ < kPatience) return true;
    if (++skipped_ < kSkips) return false;
    skipped_ = 0;  // once more: things may have changed
    return true;
  }
  /// How the last one ended.
  void learn(bool paid) { in_vain_ = paid ? 0 : in_vain_ + 1; }

 private:
  static constexpr double kShortCallNs = 50'000;
  static constexpr int kPatience = 3;
  static constexpr int kSkips = 32;

  const std::size_t cpus_;
  int in_vain_ = 0;
  int skipped_ = 0;
};

}  // namespace flagship::pool
