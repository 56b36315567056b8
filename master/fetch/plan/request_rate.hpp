// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <chrono>

#include "master/fetch/plan/time.hpp"

namespace flagship::fetch {

/// So many requests a second, evenly: a pause may be made up for by at most a tenth of a second's
/// worth at once, and by one at least.
class RequestRate {
 public:
  /// Zero: no limit.
  explicit RequestRate(double per_second) {
    if (per_second <= 0) return;
    const std::chrono::duration<double> each(1 / per_second);
    each_ = std::max(Duration(1), std::chrono::duration_cast<Duration>(each));
    slack_ = std::max(Duration::zero(), std::chrono::duration_cast<Duration>(kSlack) - each_);
  }

  /// When the next may begin; what lies in the past is now.
  Time next() const { return due_ == Time::min() ? due_ : due_ - slack_; }
  void take(Time now) {
    if (each_ > Duration::zero()) due_ = std::max(due_, now) + each_;
  }
  /// The last one did not begin after all.
  void give_back() {
    if (due_ != Time::min()) due_ -= each_;
  }
  /// Nothing that began matters any more.
  bool rested(Time now) const { return due_ <= now; }

 private:
  static constexpr std::chrono::milliseconds kSlack{100};
  Duration each_{};
  Duration slack_{};
  Time due_ = Time::min();
};

}  // namespace flagship::fetch
