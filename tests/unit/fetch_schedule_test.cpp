// SPDX-License-Identifier: MIT
// What begins when, on a clock that is turned by hand.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <deque>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "master/fetch/max_errors.hpp"
#include "master/fetch/plan/plan.hpp"

namespace flagship::fetch {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::Each;
using testing::ElementsAre;
using testing::Ge;
using testing::IsEmpty;
using testing::Le;
using testing::SizeIs;

/// A plan with its clock and its caller.
class Turned {
 public:
  explicit Turned(const PlanSettings& settings) : plan(settings) {}

  Plan::Id add(const std::string& origin) {
    const Plan::Id id = next_id_++;
    plan.add(id, origin, now);
    origin_[id] = origin;
    return id;
  }
  void add(const std::string& origin, int count) {
    for (int i = 0; i < count; ++i) add(origin);
  }
  /// Begins all that may begin now.
  std::vector<Plan::Id> begin() {
    std::vector<Plan::Id> begun;
    while (const auto id = plan.next(now)) {
      begun.push_back(*id);
      running.push_back(*id);
    }
    return begun;
  }
  /// What began, by origin.
  std::map<std::string, std::size_t> begun_by_origin() {
    std::map<std::string, std::size_t> count;
    for (const Plan::Id id : begin()) ++count[origin_[id]];
    return count;
  }
  void end(Plan::Id id, Sight sight = Sight::good, bool last = true) {
    std::erase(running, id);
    plan.ended(id, sight, 7, now);
    if (last) plan.remove(id, now);
  }
  void end_all(Sight sight = Sight::good) {
    for (const Plan::Id id : std::vector<Plan::Id>(running)) end(id, sight);
  }
  std::size_t in_flight(const std::string& origin) const {
    return static_cast<std::size_t>(std::count_if(
        running.begin(), running.end(), [&](Plan::Id id) { return origin_.at(id) == origin; }));
  }
  const std::string& origin_of(Plan::Id id) const { return origin_.at(id); }

  Plan plan;
  Time now{1h};
  std::vector<Plan::Id> running;

 private:
  std::map<Plan::Id, std::string> origin_;
  Plan::Id next_id_ = 0;
};

TEST(Schedule, NoMoreThanTheWholeRunMayHaveBegins) {
  Turned turned({.in_flight = 3, .per_origin = 3});
  turned.add("a", 5);
  EXPECT_THAT(turned.begin(), ElementsAre(0, 1, 2));
  turned.end(1);
  EXPECT_THAT(turned.begin(), ElementsAre(3));
  turned.end_all();
  EXPECT_THAT(turned.begin(), ElementsAre(4));
  turned.end_all();
  EXPECT_EQ(turned.plan.items(), 0u);
}

TEST(Schedule, NoOriginHasMoreThanItsLimit) {
  Turned turned({.in_flight = 30, .per_origin = 2, .ahead = 500});
  turned.add("a", 10);
  turned.add("b", 10);
  EXPECT_THAT(turned.begun_by_origin(), ElementsAre(std::pair("a", 2), std::pair("b", 2)));
  turned.end(turned.running[0]);
  EXPECT_THAT(turned.begun_by_origin(), ElementsAre(std::pair("a", 1)));
}

TEST(Schedule, AnOriginThatMayHaveAllIsHandedOutAheadAsFarAsItEndsInThirtyMilliseconds) {
  Turned turned({.in_flight = 10, .per_origin = 10, .ahead = 100});
  turned.add("a", 10'000);
  EXPECT_THAT(turned.begin(), SizeIs(10)) << "nothing is known yet";
  for (int turn = 0; turn < 100; ++turn) {  // 1000 a second
    turned.now += 1ms;
    turned.end(turned.running.front());
    turned.begin();
  }
  EXPECT_THAT(turned.running.size(), AllOf(Ge(35u), Le(45u)));
  for (int turn = 0; turn < 1000; ++turn) {  // 100,000 a second
    turned.now += 10us;
    turned.end(turned.running.front());
    turned.begin();
  }
  EXPECT_THAT(turned.running, SizeIs(110));
}

TEST(Schedule, WhatWasAheadIsTakenBackWhenNothingEndsAnyMore) {
  Turned turned({.in_flight = 10, .per_origin = 10, .ahead = 100});
  turned.add("fast", 10'000);
  for (int turn = 0; turn < 1000; ++turn) {
    turned.now += 100us;
    turned.begin();
    turned.end(turned.running.front());
  }
  ASSERT_THAT(turned.begin().size() + turned.running.size(), Ge(50u));
  const Time stopped = turned.now;
  std::vector<Plan::Id> recalled;
  while (const auto wake = turned.plan.next_wake()) {
    turned.now = *wake;
    EXPECT_THAT(turned.begin(), IsEmpty());
    const auto some = turned.plan.take_recalls();
    recalled.insert(recalled.end(), some.begin(), some.end());
  }
  EXPECT_LE(turned.now, stopped + 1s);
  EXPECT_THAT(recalled, SizeIs(turned.running.size())) << "once is enough";
}

TEST(Schedule, OriginsTakeTurns) {
  Turned turned({.in_flight = 1, .per_origin = 1});
  turned.add("a", 3);
  turned.add("b", 3);
  turned.add("c", 1);
  std::vector<std::string> order;
  while (const auto id = turned.plan.next(turned.now)) {
    order.push_back(turned.origin_of(*id));
    turned.end(*id);
  }
  EXPECT_THAT(order, ElementsAre("a", "b", "c", "a", "b", "a", "b"));
}

TEST(Schedule, ASlowOriginKeepsItsShareAndNoMore) {
  Turned turned({.in_flight = 10, .per_origin = 10});
  turned.add("slow", 1000);
  turned.add("fast", 1000);
  turned.begin();
  for (int turn = 0; turn < 150; ++turn) {
    EXPECT_EQ(turned.in_flight("slow"), 5u);
    for (const Plan::Id id : std::vector<Plan::Id>(turned.running))
      if (turned.origin_of(id) == "fast") turned.end(id);
    turned.begin();
  }
}

// It was handed out ahead as far as the others were, and so got all places in the end.
TEST(Schedule, AnOriginThatNeverAnswersKeepsItsShareThoughOthersAreHandedOutAhead) {
  Turned turned({.in_flight = 8, .per_origin = 8, .ahead = 500});
  for (const char* origin : {"dead", "b", "c", "d"}) turned.add(origin, 2000);
  for (int turn = 0; turn < 4000; ++turn) {
    turned.begin();
    ASSERT_LE(turned.in_flight("dead"), 2u);
    turned.now += 100us;
    const auto alive = std::find_if(turned.running.begin(), turned.running.end(),
                                    [&](Plan::Id id) { return turned.origin_of(id) != "dead"; });
    ASSERT_NE(alive, turned.running.end());
    turned.end(*alive);
  }
}

TEST(Schedule, WhoComesLaterGetsItsShareAsPlacesGetFree) {
  Turned turned({.in_flight = 10, .per_origin = 10});
  turned.add("slow", 1000);
  turned.begin();
  turned.add("late", 1000);
  for (int turn = 0; turn < 5; ++turn) {
    turned.end(turned.running.front());
    EXPECT_THAT(turned.begun_by_origin(), ElementsAre(std::pair("late", 1)));
  }
  turned.end(turned.running.front());
  EXPECT_EQ(turned.begun_by_origin().size(), 1u);
  EXPECT_THAT(turned.in_flight("slow"), AllOf(Ge(4u), Le(5u)));
}

TEST(Schedule, ABlockedOriginInFrontStarvesNobody) {
  Turned turned({.in_flight = 4, .per_origin = 4});
  turned.add("blocked", 50'000);
  turned.begin();
  turned.plan.hold(0, turned.now + 1min, turned.now);
  turned.end_all(Sight::overloaded);
  EXPECT_TRUE(turned.plan.hungry()) << "reads on";
  turned.add("free", 5);
  EXPECT_THAT(turned.begun_by_origin(), ElementsAre(std::pair("free", 4)));
  turned.end_all();
  EXPECT_THAT(turned.begun_by_origin(), ElementsAre(std::pair("free", 1)));
}

TEST(Schedule, APauseHoldsTheWholeOriginAndNoOther) {
  Turned turned({.in_flight = 4, .per_origin = 4});
  turned.add("a", 10);
  turned.add("b", 1);
  turned.begin();
  turned.plan.hold(0, turned.now + 2s, turned.now);
  EXPECT_THAT(turned.plan.take_recalls(), ElementsAre(2, 1, 0)) << "b was the fourth";
  const Time until = turned.now + 2s;
  turned.plan.put_back(2, turned.now);
  turned.plan.put_back(1, turned.now);
  turned.running = {0};
  EXPECT_THAT(turned.begin(), IsEmpty());
  EXPECT_EQ(turned.plan.next_wake(), until);
  turned.now = until - 1ns;
  EXPECT_THAT(turned.begin(), IsEmpty());
  turned.now = until;
  EXPECT_THAT(turned.begin(), ElementsAre(1, 2)) << "they kept their turn";
}

TEST(Schedule, AShorterPauseDoesNotEndALongerOne) {
  Turned turned({.in_flight = 1, .per_origin = 1});
  turned.add("a", 2);
  turned.begin();
  turned.plan.hold(0, turned.now + 10s, turned.now);
  turned.plan.hold(0, turned.now + 1s, turned.now);
  turned.end(0);
  turned.now += 5s;
  EXPECT_THAT(turned.begin(), IsEmpty());
}

TEST(Schedule, ARateIsKeptEvenly) {
  Turned turned({.in_flight = 100, .per_origin = 100, .rate = 5});
  turned.add("a", 100);
  turned.add("b", 1);
  std::deque<Time> begun;
  for (int step = 0; step < 4000; ++step, turned.now += 1ms) {
    for (const auto& [origin, count] : turned.begun_by_origin())
      if (origin == "a") begun.insert(begun.end(), count, turned.now);
  }
  EXPECT_THAT(begun, SizeIs(20));
  for (std::size_t i = 1; i < begun.size(); ++i) EXPECT_EQ(begun[i] - begun[i - 1], 200ms);
}

TEST(Schedule, AHighRateMakesUpForShortPausesOnly) {
  Turned turned({.in_flight = 10'000, .per_origin = 10'000, .rate = 1000});
  turned.add("a", 10'000);
  EXPECT_THAT(turned.begin(), SizeIs(100));
  turned.now += 50ms;
  EXPECT_THAT(turned.begin(), SizeIs(50));
  turned.now += 1h;
  EXPECT_THAT(turned.begin(), SizeIs(100));
}

TEST(Schedule, ARateBelowOneASecondIsKept) {
  Turned turned({.in_flight = 10, .per_origin = 10, .rate = 0.5});
  turned.add("a", 2);
  EXPECT_THAT(turned.begin(), SizeIs(1));
  EXPECT_EQ(turned.plan.next_wake(), turned.now + 2s);
  turned.end_all();
  turned.now += 1999ms;
  EXPECT_THAT(turned.begin(), IsEmpty());
  turned.now += 1ms;
  EXPECT_THAT(turned.begin(), SizeIs(1));
}

TEST(Schedule, ARateIsKeptThoughItsOriginHadNothingToDoForAMoment) {
  Turned turned({.in_flight = 10, .per_origin = 10, .rate = 1});
  turned.add("a");
  EXPECT_THAT(turned.begin(), SizeIs(1));
  turned.end_all();
  turned.add("a");
  EXPECT_THAT(turned.begin(), IsEmpty());
}

TEST(Schedule, ARateOfTheWholeRunIsKeptOverAllOrigins) {
  Turned turned({.in_flight = 100, .per_origin = 100, .rate = 100, .total_rate = 5});
  turned.add("a", 100);
  turned.add("b", 100);
  std::vector<Time> begun;
  std::map<std::string, std::size_t> by_origin;
  for (int step = 0; step < 4000; ++step, turned.now += 1ms) {
    for (const auto& [origin, count] : turned.begun_by_origin()) {
      begun.insert(begun.end(), count, turned.now);
      by_origin[origin] += count;
    }
    ASSERT_LE(*turned.plan.next_wake(), begun.back() + 200ms);
  }
  EXPECT_THAT(begun, SizeIs(20));
  for (std::size_t i = 1; i < begun.size(); ++i) EXPECT_EQ(begun[i] - begun[i - 1], 200ms);
  EXPECT_EQ(by_origin["a"], 10u);
}

TEST(Schedule, WhatWasTakenBackIsNoRequestOfTheWholeRunEither) {
  Turned turned({.in_flight = 10, .per_origin = 10, .total_rate = 1});
  turned.add("a");
  ASSERT_THAT(turned.begin(), SizeIs(1));
  turned.plan.put_back(0, turned.now);
  EXPECT_THAT(turned.begin(), SizeIs(1));
}

TEST(Schedule, WhatWasTakenBackIsNoRequest) {
  Turned turned({.in_flight = 10, .per_origin = 10, .rate = 1});
  turned.add("a");
  ASSERT_THAT(turned.begin(), SizeIs(1));
  turned.plan.put_back(0, turned.now);
  EXPECT_THAT(turned.begin(), SizeIs(1));
}

TEST(Schedule, OverloadHalvesAndGoodAnswersRecover) {
  Turned turned({.in_flight = 32, .per_origin = 32});
  turned.add("a", 100'000);
  turned.begin();
  ASSERT_THAT(turned.running, SizeIs(32));
  turned.now += 10ms;
  turned.end(turned.running[0], Sight::overloaded);
  EXPECT_THAT(turned.plan.take_news(), SizeIs(1));
  turned.end(turned.running[0], Sight::overloaded);  // began before the cut: says nothing new
  EXPECT_THAT(turned.plan.take_news(), IsEmpty());
  turned.begin();
  EXPECT_THAT(turned.running, SizeIs(30)) << "what is in flight cannot be unsent";
  turned.end_all();
  turned.now += 10ms;
  EXPECT_THAT(turned.begin(), SizeIs(16));
  for (std::size_t round = 1; round <= 17; ++round) {
    turned.end_all();
    turned.now += 10ms;
    EXPECT_THAT(turned.begin().size(), AllOf(Ge(15 + round), Le(16 + round)));
  }
  const auto news = turned.plan.take_news();
  ASSERT_THAT(news, SizeIs(1));
  EXPECT_EQ(news[0].what, PlanNews::What::recovered);
}

TEST(Schedule, OverloadNeverStopsAnOriginForGood) {
  Turned turned({.in_flight = 8, .per_origin = 8});
  turned.add("a", 1000);
  for (int turn = 0; turn < 50; ++turn) {
    turned.begin();
    turned.now += 1ms;
    turned.end_all(Sight::overloaded);
  }
  EXPECT_THAT(turned.begin(), SizeIs(1));
}

TEST(Schedule, OverloadTakesBackWhatIsAhead) {
  Turned turned({.in_flight = 4, .per_origin = 4, .ahead = 100});
  turned.add("a", 10'000);
  for (int turn = 0; turn < 100; ++turn) {
    turned.now += 1ms;
    turned.begin();
    turned.end(turned.running.front());
  }
  turned.begin();
  const std::size_t out = turned.running.size();
  ASSERT_GT(out, 20u);
  turned.now += 1ms;
  turned.end(turned.running.front(), Sight::overloaded);
  EXPECT_THAT(turned.plan.take_recalls(), SizeIs(out - 1));
}

TEST(Schedule, AHealthyOriginIsNeverSlowed) {
  Turned turned({.in_flight = 30, .per_origin = 30});
  turned.add("a", 100);
  turned.begin();
  for (int turn = 0; turn < 50; ++turn) {
    turned.end(turned.running.front(), turn % 2 == 0 ? Sight::good : Sight::other);
    EXPECT_THAT(turned.begin(), SizeIs(1));
  }
}

TEST(Schedule, ARetryWaitsForItsTimeAndThenGoesFirst) {
  Turned turned({.in_flight = 1, .per_origin = 1});
  turned.add("a", 4);
  EXPECT_THAT(turned.begin(), ElementsAre(0));
  turned.end(0, Sight::other, false);
  turned.plan.retry(0, turned.now + 1s, turned.now);
  EXPECT_THAT(turned.begin(), ElementsAre(1));
  turned.end(1);
  EXPECT_EQ(turned.plan.next_wake(), turned.now + 1s);
  turned.now += 1s;
  EXPECT_THAT(turned.begin(), ElementsAre(0));
}

TEST(Schedule, RetriesTakeAFifthOfThePlacesAndEachComesInTheEnd) {
  Turned turned({.in_flight = 50, .per_origin = 50});
  turned.add("a", 200);
  std::set<Plan::Id> failed_once;
  std::size_t most = 0;
  while (turned.plan.items() > 0) {
    turned.begin();
    const auto retries = static_cast<std::size_t>(
        std::count_if(turned.running.begin(), turned.running.end(),
                      [&](Plan::Id id) { return failed_once.contains(id); }));
    most = std::max(most, retries);
    ASSERT_LE(retries, 10u);
    ASSERT_THAT(turned.running, Not(IsEmpty()));
    for (const Plan::Id id : std::vector<Plan::Id>(turned.running)) {
      const bool again = failed_once.insert(id).second;
      turned.end(id, Sight::other, !again);
      if (again) turned.plan.retry(id, turned.now, turned.now);
    }
  }
  EXPECT_EQ(most, 10u);
  EXPECT_THAT(failed_once, SizeIs(200));
}

TEST(Schedule, AnOriginThatIsSilentForLongIsGivenUpAndAskedNowAndThen) {
  Turned turned({.in_flight = 20, .per_origin = 20});
  turned.add("dead", 1000);
  std::size_t attempts = 0;
  std::vector<Plan::Lost> lost;
  while (lost.empty()) {
    ASSERT_LT(turned.now, Time(1h + 5min));
    attempts += turned.begin().size();
    turned.now += 10s;
    turned.end_all(Sight::silent);
    lost = turned.plan.take_lost();
  }
  EXPECT_EQ(turned.now, Time(1h + 130s)) << "two minutes after the first failure";
  EXPECT_EQ(attempts + lost.size(), 1000u);
  EXPECT_LT(attempts, 60u);
  EXPECT_EQ(lost[0].trouble, 7);
  for (const auto& [id, trouble] : lost) turned.plan.remove(id, turned.now);

  turned.add("dead");
  EXPECT_THAT(turned.begin(), IsEmpty());
  EXPECT_THAT(turned.plan.take_lost(), SizeIs(1));
  turned.now += 61s;
  turned.add("dead", 2);
  EXPECT_THAT(turned.begin(), SizeIs(1)) << "a probe";
  EXPECT_THAT(turned.plan.take_lost(), SizeIs(1));
  turned.end_all(Sight::good);
  turned.add("dead", 2);
  EXPECT_THAT(turned.plan.take_lost(), IsEmpty());
  EXPECT_FALSE(turned.begin().empty()) << "it is back";
}

TEST(Schedule, OneAnswerEndsTheSilence) {
  Turned turned({.in_flight = 1, .per_origin = 1});
  turned.add("a", 100);
  for (int turn = 0; turn < 60; ++turn) {
    ASSERT_THAT(turned.begin(), SizeIs(1));
    turned.now += 10s;
    turned.end_all(turn % 9 == 8 ? Sight::other : Sight::silent);
  }
  EXPECT_THAT(turned.plan.take_lost(), IsEmpty());
}

TEST(Schedule, GivingUpReturnsAllThatIsNotHandedOut) {
  Turned turned({.in_flight = 2, .per_origin = 2});
  turned.add("a", 5);
  turned.begin();
  turned.end(0, Sight::other, false);
  turned.plan.retry(0, turned.now + 1h, turned.now);
  const auto left = turned.plan.give_up();
  EXPECT_THAT(left, testing::UnorderedElementsAre(0, 2, 3, 4));
  for (const Plan::Id id : left) turned.plan.remove(id, turned.now);
  EXPECT_FALSE(turned.plan.next(turned.now));
  EXPECT_FALSE(turned.plan.next_wake());
  turned.end(1);
  EXPECT_EQ(turned.plan.items(), 0u);
}

TEST(Schedule, MaxErrorsAreThoseThatMayBe) {
  EXPECT_FALSE(MaxErrors{}.exceeded(1'000, 1'000));
  EXPECT_FALSE(MaxErrors{.count = 0}.exceeded(0, 1'000));
  EXPECT_TRUE(MaxErrors{.count = 0}.exceeded(1, 1));
  EXPECT_FALSE(MaxErrors{.count = 10}.exceeded(10, 10));
  EXPECT_TRUE(MaxErrors{.count = 10}.exceeded(11, 500));
  EXPECT_FALSE(MaxErrors{.percent = 5}.exceeded(99, 99)) << "too few to tell";
  EXPECT_FALSE(MaxErrors{.percent = 5}.exceeded(5, 100));
  EXPECT_TRUE(MaxErrors{.percent = 5}.exceeded(6, 100));
}

// Any order of events whatever: limits hold, nothing is lost, and everything ends.
TEST(Schedule, LimitsHoldWhateverHappens) {
  for (unsigned seed = 1; seed <= 50; ++seed) {
    std::mt19937 random(seed);
    const auto chance = [&](unsigned percent) { return random() % 100 < percent; };
    const std::size_t per_origin = 1 + random() % 5;
    Turned turned({.in_flight = 8, .per_origin = per_origin, .ahead = random() % 2 * 20});
    std::map<std::string, Time> held;
    std::size_t to_come = 400, ended = 0;
    for (int step = 0; ended < 400; ++step) {
      ASSERT_LT(step, 200'000) << seed;
      if (to_come > 0 && chance(30)) {
        --to_come;
        turned.add("o" + std::to_string(random() % 12));
      }
      for (const Plan::Id id : turned.begin())
        ASSERT_GE(turned.now, held[turned.origin_of(id)]) << seed;
      for (const Plan::Id id : turned.running)
        ASSERT_LE(turned.in_flight(turned.origin_of(id)), per_origin);
      turned.now += std::chrono::milliseconds(random() % 20);
      if (!turned.running.empty() && chance(60)) {
        const Plan::Id id = turned.running[random() % turned.running.size()];
        const auto sight = static_cast<Sight>(random() % 4);
        const bool again = sight != Sight::good && chance(50);
        turned.end(id, sight, false);
        if (chance(10)) {
          const Time until = turned.now + std::chrono::milliseconds(random() % 500);
          turned.plan.hold(id, until, turned.now);
          Time& known = held[turned.origin_of(id)];
          known = std::max(known, until);
        }
        if (again) {
          turned.plan.retry(id, turned.now + std::chrono::milliseconds(random() % 300), turned.now);
        } else {
          turned.plan.remove(id, turned.now);
          ++ended;
        }
      }
      for (const Plan::Id id : turned.plan.take_recalls()) {
        if (!chance(50) || std::erase(turned.running, id) == 0) continue;
        turned.plan.put_back(id, turned.now);
      }
      for (const auto& [id, trouble] : turned.plan.take_lost()) {
        turned.plan.remove(id, turned.now);
        ++ended;
      }
      const auto wake = turned.plan.next_wake();
      if (turned.running.empty() && to_come == 0 && ended < 400 && turned.begin().empty()) {
        ASSERT_TRUE(wake) << "nothing would ever happen again, seed " << seed;
        turned.now = std::max(turned.now, *wake);
      }
    }
    EXPECT_EQ(turned.plan.items(), 0u);
    EXPECT_EQ(turned.plan.handed_out(), 0u);
  }
}

}  // namespace
}  // namespace flagship::fetch
