// SPDX-License-Identifier: MIT
#include "worker/fetch/lookup_gate.hpp"

#include <gtest/gtest.h>

namespace flagship::fetch {
namespace {

using Members = std::vector<LookupGate::Member>;
using namespace std::chrono_literals;

constexpr LookupGate::TimePoint kNow{1h};

TEST(LookupGate, LetsOneLookUpAndTheOthersFollowOnceItIsFound) {
  LookupGate gate;
  EXPECT_TRUE(gate.enter("host", 1, kNow));
  EXPECT_FALSE(gate.enter("host", 2, kNow));
  EXPECT_FALSE(gate.enter("host", 3, kNow));
  EXPECT_EQ(gate.released(), Members{});
  gate.found("host", 1, kNow);
  EXPECT_EQ(gate.released(), (Members{2, 3}));
  EXPECT_TRUE(gate.enter("host", 2, kNow));
  EXPECT_TRUE(gate.enter("host", 4, kNow + 10s));
}

TEST(LookupGate, AsksAgainAfterAWhile) {
  LookupGate gate;
  gate.enter("host", 1, kNow);
  gate.found("host", 1, kNow);
  EXPECT_TRUE(gate.enter("host", 2, kNow + 1min));
  EXPECT_FALSE(gate.enter("host", 3, kNow + 1min));
}

TEST(LookupGate, SharesAFailureWithThoseWhoWaited) {
  LookupGate gate;
  gate.enter("host", 1, kNow);
  gate.enter("host", 2, kNow);
  EXPECT_EQ(gate.failed("host", 1), Members{2});
  EXPECT_EQ(gate.released(), Members{});
  EXPECT_TRUE(gate.enter("host", 3, kNow));
}

TEST(LookupGate, PassesTheTaskOnWhenTheOneWhoLooksUpGivesUp) {
  LookupGate gate;
  gate.enter("host", 1, kNow);
  gate.enter("host", 2, kNow);
  gate.enter("host", 3, kNow);
  gate.leave("host", 3);
  gate.leave("host", 1);
  EXPECT_EQ(gate.released(), Members{2});
  EXPECT_TRUE(gate.enter("host", 2, kNow));
}

TEST(LookupGate, ListensOnlyToTheOneWhoLooksUp) {
  LookupGate gate;
  gate.enter("host", 1, kNow);
  gate.enter("host", 2, kNow);
  gate.found("host", 9, kNow);
  EXPECT_EQ(gate.failed("host", 9), Members{});
  gate.leave("host", 9);
  EXPECT_EQ(gate.released(), Members{});
}

TEST(LookupGate, LooksUpABoundedNumberOfHostsAtOnceAndForgetsNone) {
  LookupGate gate;
  std::vector<LookupGate::Member> looking;
  std::size_t ended = 0;
  for (LookupGate::Member i = 0; i < 200; ++i) {
    if (gate.enter("host" + std::to_string(i), i, kNow)) looking.push_back(i);
  }
  EXPECT_EQ(looking.size(), 32u);
  while (!looking.empty()) {
    const auto member = looking.back();
    looking.pop_back();
    gate.found("host" + std::to_string(member), member, kNow);
    ++ended;
    for (const auto next : gate.released()) {
      EXPECT_TRUE(gate.enter("host" + std::to_string(next), next, kNow));
      looking.push_back(next);
    }
  }
  EXPECT_EQ(ended, 200u);
}

}  // namespace
}  // namespace flagship::fetch
