// SPDX-License-Identifier: MIT
#include "master/fetch/retry.hpp"

#include <algorithm>
#include <cmath>

namespace flagship::fetch {
namespace {

bool status_may_pass(unsigned status) {
  switch (status) {
    case 408:
    case 425:
    case 429:
    case 500:
    case 502:
    case 503:
    case 504: return true;
    default: return false;
  }
}

}  // namespace

bool may_pass(const v1::FetchResult& result) {
  if (result.outcome() != v1::FETCH_ERROR) return false;
  switch (result.error_class()) {
    case v1::DNS:
    case v1::CONNECT:
    case v1::TIMEOUT:
    case v1::STALLED:
    case v1::RESET:
    case v1::TRUNCATED: return true;
    case v1::HTTP_STATUS: return status_may_pass(result.status());
    default: return false;
  }
}

std::optional<std::chrono::milliseconds> wait_before_retry(const RetryPolicy& policy, const v1::FetchResult& result,
                                                           int attempt, double chance) {
  if (attempt > policy.retries || !may_pass(result)) return std::nullopt;
  const double most = std::min(static_cast<double>(policy.base.count()) * std::pow(2.0, attempt - 1),
                               static_cast<double>(policy.longest.count()));
  const std::chrono::milliseconds jittered(static_cast<long long>(most * chance));
  if (!result.has_retry_after_ms()) return jittered;
  const std::chrono::milliseconds asked(static_cast<long long>(std::min<std::uint64_t>(result.retry_after_ms(), 1ull << 40)));
  if (asked > policy.longest_retry_after) return std::nullopt;
  return std::max(asked, jittered);
}

}  // namespace flagship::fetch
