// SPDX-License-Identifier: MIT
// What the scheduler makes of tasks that are cancelled, or taken back from a worker for another.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <vector>

#include "master/pool/core/scheduler.hpp"
#include "tests/unit/play.hpp"

namespace flagship::core {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;
using testing::SizeIs;

// ---- cancelling -------------------------------------------------------------------------------

TEST(Scheduler, a_call_cancelled_while_queued_is_never_handed_over) {
  Play play({.max_workers = 1});
  play.submit(3);
  EXPECT_THAT((play.cancel(0), play.ended()), ElementsAre(Pair(0, Why::cancelled)));
  EXPECT_EQ(play.scheduler.queued(), 2u);
  play.ready({0, 1});
  EXPECT_THAT(play.assigned(), ElementsAre(1));
}

TEST(Scheduler, a_call_cancelled_while_held_keeps_its_place_until_the_worker_has_passed_over_it) {
  Play play({.max_workers = 1, .max_window = 2});
  const WorkerRef worker = play.warm_up(1, Play::kShort).at(0);
  play.submit(3);
  const auto held = play.tickets();
  ASSERT_THAT(held, SizeIs(2));
  play.cancel(task_of(held[1]));
  EXPECT_THAT(play.ended(), ElementsAre(Pair(task_of(held[1]), Why::cancelled)));
  EXPECT_THAT(play.out.assigns, IsEmpty()) << "both places are taken yet";
  play.results(worker, {held[1]}, {How::recalled});
  EXPECT_THAT(play.out.ends, IsEmpty()) << "it has ended already";
  EXPECT_THAT(play.assigned(), ElementsAre(3));
}

TEST(Scheduler, a_call_cancelled_before_it_was_sent_frees_its_place_at_once) {
  Play play({.max_workers = 1, .max_window = 1});
  play.submit(2);
  play.ready({0, 1});
  play.cancel(0, true);
  EXPECT_THAT(play.ended(), ElementsAre(Pair(0, Why::cancelled)));
  EXPECT_THAT(play.assigned(), ElementsAre(1));
}

TEST(Scheduler, cancelling_what_has_ended_does_nothing) {
  Play play({.max_workers = 1});
  play.submit(1);
  play.cancel(0);
  EXPECT_THAT(play.cancel(0).ends, IsEmpty());
  EXPECT_THAT(play.cancel(1234).ends, IsEmpty());
}

TEST(Scheduler, a_cancelled_call_does_not_come_back_when_its_worker_dies) {
  Play play({.max_workers = 1});
  const WorkerRef worker = play.warm_up(1, Play::kShort).at(0);
  play.submit(2);
  const auto held = play.tickets();
  play.cancel(task_of(held[1]));
  play.gone(worker, {held[0]});
  EXPECT_THAT(play.ended(), ElementsAre(Pair(task_of(held[0]), Why::worker_died)));
  EXPECT_EQ(play.scheduler.queued(), 0u);
}

TEST(Scheduler, places_in_use_are_different_and_within_the_claim_page) {
  Play play({.max_workers = 1, .max_window = 8});
  const WorkerRef worker = play.warm_up(1, Play::kShort).at(0);
  play.submit(100);
  for (int round = 0; round < 20; ++round) {
    std::set<std::uint32_t> places;
    for (const AssignedTask& task : play.out.assigned) {
      EXPECT_LT(task.place, 8u);
      EXPECT_TRUE(places.insert(task.place).second);
    }
    if (play.out.assigned.empty()) break;
    play.results(worker, play.tickets());
  }
}

// ---- taking back ------------------------------------------------------------------------------

struct Uneven : testing::Test {
  // One of two workers holds five calls ahead of one that has turned out to be long; the other is
  // idle.
  void SetUp() override {
    const auto workers = play.warm_up(2, 2ms);
    busy = workers[0];
    idle = workers[1];
    play.submit(8);
    held = play.tickets_for(busy);
    play.results(idle, play.tickets_for(idle), {}, 2ms);
    ASSERT_THAT(held, SizeIs(4));
  }
  Play play{Settings{.max_workers = 2, .rebalance_after = 10ms}};
  WorkerRef busy, idle;
  std::vector<Ticket> held;
};

TEST_F(Uneven, calls_of_a_silent_worker_are_taken_back_while_another_is_idle) {
  ASSERT_EQ(play.scheduler.next_tick(), play.now + 10ms);
  play.now += 10ms;
  play.tick();
  ASSERT_THAT(play.out.take_backs, SizeIs(1));
  EXPECT_EQ(play.out.take_backs[0].worker, busy);
  std::vector<Ticket> wanted;
  for (const AssignedTask& task : play.out.take_backs[0].tasks) wanted.push_back(task.ticket);
  EXPECT_THAT(wanted, ElementsAre(held[2], held[3]))
      << "half of what it holds ahead, the last ones";
  play.take_back(busy, wanted);
  EXPECT_THAT(play.out.ends, IsEmpty());
  EXPECT_FALSE(play.tickets_for(idle).empty());
  EXPECT_EQ(task_of(play.tickets_for(idle)[0]), task_of(held[2])) << "the older one first";
}

TEST(Overlapping,
     calls_that_wait_behind_others_are_taken_back_while_another_worker_could_run_them) {
  Play play{Settings{.max_workers = 2, .concurrency = 4, .rebalance_after = 10ms}};
  const auto workers = play.warm_up(2, 2ms);
  play.submit(6);
  const auto held = play.tickets_for(workers[0]);
  auto others = play.tickets_for(workers[1]);
  ASSERT_THAT(held, SizeIs(3));
  ASSERT_THAT(others, SizeIs(3));
  others.resize(2);
  play.results(workers[1], others, {}, 2ms);
  ASSERT_EQ(play.scheduler.next_tick(), play.now + 10ms);
  play.now += 10ms;
  play.tick();
  ASSERT_THAT(play.out.take_backs, SizeIs(1));
  ASSERT_EQ(play.out.take_backs[0].worker, workers[0]);
  play.take_back(workers[0], {held[2]});
  ASSERT_THAT(play.tickets_for(workers[1]), SizeIs(1));
  EXPECT_EQ(task_of(play.tickets_for(workers[1])[0]), task_of(held[2]));
}

TEST_F(Uneven, nothing_is_taken_back_from_a_worker_that_delivered_lately) {
  play.now += 9ms;
  play.results(busy, {held[0]}, {}, 2ms);
  play.now += 1ms;
  EXPECT_THAT(play.tick().take_backs, IsEmpty());
}

TEST_F(Uneven, what_had_begun_meanwhile_stays_where_it_is) {
  play.now += 10ms;
  play.tick();
  play.take_back(busy, {held[3]});
  EXPECT_THAT(play.assigned(), ElementsAre(task_of(held[3])));
  EXPECT_EQ(play.results(busy, {held[2]}).ends.size(), 1u);
}

TEST_F(Uneven, a_take_back_that_is_answered_after_the_workers_death_changes_nothing) {
  play.now += 10ms;
  play.tick();
  play.gone(busy, {held[0]});
  EXPECT_THAT(play.take_back(busy, {held[2], held[3]}).assigns, IsEmpty());
}

TEST_F(Uneven, a_take_back_of_what_has_ended_meanwhile_changes_nothing) {
  play.now += 10ms;
  play.tick();
  play.results(busy, {held[3]});
  play.take_back(busy, {held[3]});
  EXPECT_THAT(play.out.assigns, IsEmpty());
  EXPECT_EQ(play.scheduler.held(), 3u);
  EXPECT_EQ(play.scheduler.queued(), 0u);
}

TEST_F(Uneven, a_call_that_was_taken_back_can_be_cancelled) {
  play.now += 10ms;
  play.tick();
  play.take_back(busy, {held[2], held[3]});
  EXPECT_THAT((play.cancel(task_of(held[3])), play.ended()),
              ElementsAre(Pair(task_of(held[3]), Why::cancelled)));
}

}  // namespace
}  // namespace flagship::core
