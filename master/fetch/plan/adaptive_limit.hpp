// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstddef>

#include "master/fetch/plan/time.hpp"

namespace flagship::fetch {

/// How many requests one origin gets at once. It begins with the most, so that whoever is healthy
/// is not slowed; half of what was in flight after each sign of overload, one more after as many
/// good answers as are in flight.
class AdaptiveLimit {
 public:
  explicit AdaptiveLimit(std::size_t most) : most_(most), limit_(static_cast<double>(most)) {}

  std::size_t now() const { return static_cast<std::size_t>(limit_); }
  /// It is below the most.
  bool lowered() const { return now() < most_; }

  /// An attempt that began then went well. What began before the last cut says nothing about the
  /// limit since.
  void good(Time begun) {
    if (begun < cut_at_ || limit_ >= static_cast<double>(most_)) return;
    limit_ = std::min(limit_ + 1 / limit_, static_cast<double>(most_));
  }

  /// Likewise, a sign of overload, while so many were in flight. True: the limit is lower now.
  bool bad(Time begun, Time now, std::size_t in_flight) {
    if (begun < cut_at_) return false;
    const double before = limit_;
    limit_ = std::max(1.0, std::min(limit_, static_cast<double>(in_flight)) / 2);
    cut_at_ = now;
    return limit_ < before;
  }

 private:
  std::size_t most_;
  double limit_;
  Time cut_at_ = Time::min();
};

}  // namespace flagship::fetch
