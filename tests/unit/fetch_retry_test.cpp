// SPDX-License-Identifier: MIT
// What is tried again, and when.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "master/fetch/report.hpp"
#include "master/fetch/retry.hpp"
#include "tests/unit/fetch_results.hpp"

namespace flagship::fetch {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::Ge;
using testing::Lt;

TEST(Retry, TroubleThatMayPassIsTriedAgainAndOtherIsNot) {
  const std::map<v1::FetchClass, bool> table{
      {v1::DNS, true},        {v1::CONNECT, true},         {v1::TLS, false},
      {v1::TIMEOUT, true},    {v1::STALLED, true},         {v1::RESET, true},
      {v1::TRUNCATED, true},  {v1::PROTOCOL, false},       {v1::REDIRECT, false},
      {v1::TOO_LARGE, false}, {v1::WRONG_TYPE, false},     {v1::BAD_CHECKSUM, false},
      {v1::DISK, false},      {v1::WORKER_DIED, false},    {v1::CANCELLED, false},
      {v1::BAD_INPUT, false}, {v1::REFUSED_SCHEME, false}, {v1::REFUSED_ADDRESS, false}};
  for (const auto& [why, expected] : table)
    EXPECT_EQ(may_pass({}, failed(why)), expected) << class_name(why);
}

TEST(Retry, StatusesThatMayPassAreTheKnownSeven) {
  const std::set<unsigned> known{408, 425, 429, 500, 502, 503, 504};
  for (unsigned status = 100; status < 600; ++status)
    EXPECT_EQ(may_pass({}, answered(status)), known.contains(status)) << status;
}

TEST(Retry, OtherStatusesMayBeAdded) {
  RetryPolicy policy;
  policy.also = {418, 404};
  EXPECT_TRUE(may_pass(policy, answered(418)));
  EXPECT_TRUE(may_pass(policy, answered(503)));
  EXPECT_FALSE(may_pass(policy, answered(403)));
  EXPECT_TRUE(may_pass(policy, not_found()));
  EXPECT_FALSE(may_pass(policy, failed(v1::TOO_LARGE, 418)));
}

TEST(Retry, WhatIsThereOrNotFoundIsNotTriedAgain) {
  EXPECT_FALSE(wait_before_retry({}, ok(), 1, 0.5));
  EXPECT_FALSE(wait_before_retry({}, not_found(), 1, 0.5));
}

TEST(Retry, ThereAreNoMoreThanAskedFor) {
  RetryPolicy policy;
  policy.retries = 2;
  EXPECT_TRUE(wait_before_retry(policy, answered(503), 1, 0.5));
  EXPECT_TRUE(wait_before_retry(policy, answered(503), 2, 0.5));
  EXPECT_FALSE(wait_before_retry(policy, answered(503), 3, 0.5));
  policy.retries = 0;
  EXPECT_FALSE(wait_before_retry(policy, answered(503), 1, 0.5));
}

TEST(Retry, TheWaitIsRandomUpToABoundThatDoublesToThirtySeconds) {
  RetryPolicy policy;
  policy.retries = 1'000'000;
  double most = 250;
  for (int attempt = 1; attempt < 2000; ++attempt) {
    EXPECT_EQ(wait_before_retry(policy, answered(503), attempt, 0.0), 0ms);
    EXPECT_THAT(*wait_before_retry(policy, answered(503), attempt, 0.999999),
                AllOf(Ge(most * 0.99 * 1ms), Lt(most * 1ms)));
    most = std::min(most * 2, 30'000.0);
  }
}

TEST(Retry, RetryAfterIsHonouredUpToTheCap) {
  v1::FetchResult result = answered(503);
  result.set_retry_after_ms(7000);
  EXPECT_EQ(wait_before_retry({}, result, 1, 0.9), 7000ms);
  result.set_retry_after_ms(120'000);
  EXPECT_EQ(wait_before_retry({}, result, 1, 0.9), 120'000ms);
  result.set_retry_after_ms(120'001);
  EXPECT_FALSE(wait_before_retry({}, result, 1, 0.9));
  result.set_retry_after_ms(~0ull);
  EXPECT_FALSE(wait_before_retry({}, result, 1, 0.9));
}

TEST(Retry, RetryAfterOfNothingStillWaitsItsTurn) {
  v1::FetchResult result = answered(429);
  result.set_retry_after_ms(0);
  EXPECT_EQ(wait_before_retry({}, result, 1, 0.5), 125ms);
}

TEST(Retry, RetryAfterOfTroubleThatDoesNotPassIsNothing) {
  v1::FetchResult result = answered(403);
  result.set_retry_after_ms(1000);
  EXPECT_FALSE(wait_before_retry({}, result, 1, 0.5));
  EXPECT_FALSE(asked_pause({}, result));
}

TEST(Retry, WhatAnEndSaysOfItsOrigin) {
  EXPECT_EQ(sight_of(ok()), Sight::good);
  EXPECT_EQ(sight_of(not_found()), Sight::good);
  EXPECT_EQ(sight_of(answered(429)), Sight::overloaded);
  EXPECT_EQ(sight_of(answered(503)), Sight::overloaded);
  EXPECT_EQ(sight_of(failed(v1::TIMEOUT, 200)), Sight::overloaded);
  EXPECT_EQ(sight_of(failed(v1::STALLED, 200)), Sight::overloaded);
  EXPECT_EQ(sight_of(failed(v1::TIMEOUT)), Sight::silent);
  EXPECT_EQ(sight_of(failed(v1::CONNECT)), Sight::silent);
  EXPECT_EQ(sight_of(failed(v1::DNS)), Sight::silent);
  EXPECT_EQ(sight_of(answered(500)), Sight::other);
  EXPECT_EQ(sight_of(failed(v1::RESET)), Sight::other);
  EXPECT_EQ(sight_of(failed(v1::DISK)), Sight::other);
}

}  // namespace
}  // namespace flagship::fetch
