// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>

#include "master/fetch/plan/time.hpp"

namespace flagship::fetch {

/// How many items of an origin are worth being handed out beyond those in flight: what ends in
/// 30 ms, as measured, so that fast transfers never wait for the master, and nothing is far behind
/// slow ones.
class Lookahead {
 public:
  void ended(Time now) {
    last_ = now;
    ++count_;
    if (now - since_ < kSpan) return;
    const double fresh =
        static_cast<double>(count_) / std::chrono::duration<double>(now - since_).count();
    rate_ = std::max(fresh, (rate_ + fresh) / 2);
    since_ = now;
    count_ = 0;
  }
  std::size_t at(Time now) const {
    if (stale(now)) return 0;
    return static_cast<std::size_t>(rate_ * std::chrono::duration<double>(kAhead).count());
  }
  /// Nothing has ended for a while.
  bool stale(Time now) const { return now - last_ > kStale; }

 private:
  static constexpr std::chrono::milliseconds kSpan{4};
  static constexpr std::chrono::milliseconds kAhead{30};
  static constexpr std::chrono::milliseconds kStale{100};
  double rate_ = 0;  // ends a second
  std::size_t count_ = 0;
  Time since_{};
  Time last_{};
};

}  // namespace flagship::fetch
