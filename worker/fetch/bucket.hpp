// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace flagship::fetch {

/// A token bucket: how many bytes may come, so that there are no more than so many in a second. Who
/// finds it open may take a whole piece; the bucket then stays shut until that is made good. Pure:
/// time is handed in.
class Bucket {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  /// 0: no limit.
  void set_rate(std::uint64_t bytes_per_second, TimePoint now) {
    if (bytes_per_second == rate_) return;
    rate_ = bytes_per_second;
    left_ = 0;
    filled_ = now;
  }
  bool limited() const { return rate_ != 0; }

  bool open(TimePoint now) {
    if (!limited()) return true;
    fill(now);
    return left_ >= 0;
  }
  void spend(std::uint64_t bytes) { left_ -= static_cast<double>(bytes); }
  /// When it is open again, if nobody takes anything.
  TimePoint opens_at() const {
    if (left_ >= 0) return filled_;
    const std::chrono::duration<double> missing(-left_ / static_cast<double>(rate_));
    return filled_ + std::chrono::ceil<std::chrono::steady_clock::duration>(missing);
  }

 private:
  // What was not taken for a while is lost, but for a tenth of a second's.
  void fill(TimePoint now) {
    const std::chrono::duration<double> time = now - filled_;
    const auto rate = static_cast<double>(rate_);
    left_ = std::min(left_ + rate * std::max(time.count(), 0.0), rate / 10);
    filled_ = std::max(now, filled_);
  }

  std::uint64_t rate_ = 0;
  double left_ = 0;
  TimePoint filled_{};
};

}  // namespace flagship::fetch
