// SPDX-License-Identifier: MIT
// When a failed attempt is worth another, and how long to wait for it. Pure.
#pragma once

#include <chrono>
#include <optional>
#include <set>

#include "flagship/v1/fetch.pb.h"
#include "master/fetch/plan/plan.hpp"

namespace flagship::fetch {

struct RetryPolicy {
  int retries = 4;  // more attempts after the first
  std::chrono::milliseconds base{250};
  std::chrono::milliseconds longest{30'000};
  std::chrono::milliseconds longest_retry_after{120'000};
  std::set<unsigned> also{};  // statuses that may pass, besides the usual ones
};

/// Whether the trouble may pass: time-outs, resets, truncations, failed connections and look-ups,
/// 408, 425, 429, 500, 502, 503, 504, and the policy's own.
bool may_pass(const RetryPolicy& policy, const v1::FetchResult& result);

/// For how long the server wants to be left alone (Retry-After), if that is short enough to wait
/// for.
std::optional<std::chrono::milliseconds> asked_pause(const RetryPolicy& policy,
                                                     const v1::FetchResult& result);

/// How long to wait before the next attempt after the `attempt`-th (from 1) ended so; nothing: that
/// was the last one. `chance` in [0, 1) picks from up to base x 2^(attempt-1): full jitter, so that
/// retries do not come in waves.
std::optional<std::chrono::milliseconds> wait_before_retry(const RetryPolicy& policy,
                                                           const v1::FetchResult& result,
                                                           int attempt, double chance);

/// How an attempt that ended so makes its origin look.
Sight sight_of(const v1::FetchResult& result);

}  // namespace flagship::fetch
