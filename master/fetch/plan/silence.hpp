// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>

#include "master/fetch/plan/time.hpp"

namespace flagship::fetch {

/// How long an origin has given no sign of life, however often it was asked. After two minutes and
/// ten attempts it is given up; from then on it is asked once a minute, in case it is back.
class Silence {
 public:
  static constexpr std::chrono::seconds kLong{120};
  static constexpr std::size_t kAttempts = 10;
  static constexpr std::chrono::seconds kProbeEvery{60};

  void broken() { *this = {}; }
  /// An attempt ended without a byte. True: it is given up now, and was not before.
  bool goes_on(Time now) {
    if (attempts_++ == 0) since_ = now;
    if (given_up_ || attempts_ < kAttempts || now - since_ < kLong) return false;
    given_up_ = true;
    probe_at_ = now + kProbeEvery;
    return true;
  }
  bool any() const { return attempts_ > 0; }
  /// Whether an item that comes now is not worth an attempt.
  bool refuses(Time now) {
    if (!given_up_) return false;
    if (now < probe_at_) return true;
    probe_at_ = now + kProbeEvery;
    return false;
  }
  bool given_up() const { return given_up_; }

 private:
  std::size_t attempts_ = 0;
  Time since_{};
  bool given_up_ = false;
  Time probe_at_{};
};

}  // namespace flagship::fetch
