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
    case 504:
      return true;
    default:
      return false;
  }
}

}  // namespace

bool may_pass(const RetryPolicy& policy, const v1::FetchResult& result) {
  const bool failed = result.outcome() == v1::FETCH_ERROR;
  if (failed || result.outcome() == v1::FETCH_NOT_FOUND) {
    if (policy.also.contains(result.status()) &&
        (!failed || result.error_class() == v1::HTTP_STATUS))
      return true;
  }
  if (!failed) return false;
  switch (result.error_class()) {
    case v1::DNS:
    case v1::CONNECT:
    case v1::TIMEOUT:
    case v1::STALLED:
    case v1::RESET:
    case v1::TRUNCATED:
      return true;
    case v1::HTTP_STATUS:
      return status_may_pass(result.status());
    default:
      return false;
  }
}

std::optional<std::chrono::milliseconds> asked_pause(const RetryPolicy& policy,
                                                     const v1::FetchResult& result) {
  if (!result.has_retry_after_ms() || !may_pass(policy, result)) return std::nullopt;
  if (result.retry_after_ms() > static_cast<std::uint64_t>(policy.longest_retry_after.count()))
    return std::nullopt;
  return std::chrono::milliseconds(static_cast<long long>(result.retry_after_ms()));
}

std::optional<std::chrono::milliseconds> wait_before_retry(const RetryPolicy& policy,
                                                           const v1::FetchResult& result,
                                                           int attempt, double chance) {
  if (attempt > policy.retries || !may_pass(policy, result)) return std::nullopt;
  const double most =
      std::min(static_cast<double>(policy.base.count()) * std::pow(2.0, attempt - 1),
               static_cast<double>(policy.longest.count()));
  const std::chrono::milliseconds jittered(static_cast<long long>(most * chance));
  if (!result.has_retry_after_ms()) return jittered;
  const auto asked = asked_pause(policy, result);
  if (!asked) return std::nullopt;  // too long
  return std::max(*asked, jittered);
}

Sight sight_of(const v1::FetchResult& result) {
  if (result.outcome() != v1::FETCH_ERROR) return Sight::good;
  switch (result.error_class()) {
    case v1::DNS:
    case v1::CONNECT:
      return Sight::silent;
    case v1::TIMEOUT:
    case v1::STALLED:
      return result.status() == 0 ? Sight::silent : Sight::overloaded;
    case v1::HTTP_STATUS:
      return result.status() == 429 || result.status() == 503 ? Sight::overloaded : Sight::other;
    default:
      return Sight::other;
  }
}

}  // namespace flagship::fetch
