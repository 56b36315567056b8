// SPDX-License-Identifier: MIT
// What the scheduler makes of workers that die, and of those that do nothing else.
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

// ---- deaths -----------------------------------------------------------------------------------

TEST(Scheduler, by_default_a_call_that_had_begun_ends_with_its_worker) {
  Play play({.max_workers = 1});
  play.submit(1);
  play.ready({0, 1});
  play.gone({0, 1}, play.tickets());
  EXPECT_THAT(play.ended(), ElementsAre(Pair(0, Why::worker_died)));
  EXPECT_EQ(play.out.ends[0].attempt, 1u);
  EXPECT_EQ(play.out.ends[0].worker, 0u);
  EXPECT_EQ(play.scheduler.broken(), std::nullopt);
}

TEST(Scheduler, calls_that_had_not_begun_move_in_order_before_all_others) {
  Play play({.max_workers = 1});
  const WorkerRef worker = play.warm_up(1, 2ms).at(0);
  play.submit(8);
  const std::vector<Ticket> held = play.tickets();
  ASSERT_THAT(held, SizeIs(5));
  play.gone(worker, {held[0]});
  EXPECT_THAT(play.ended(), ElementsAre(Pair(task_of(held[0]), Why::worker_died)));
  const WorkerRef next = play.started();
  std::vector<TaskId> order;
  for (play.ready(next); !play.tickets().empty(); play.results(next, play.tickets(), {}, 1s)) {
    for (const TaskId task : play.assigned()) order.push_back(task);
    for (const EndTask& end : play.out.ends) EXPECT_EQ(end.attempt, 1u);
  }
  EXPECT_THAT(order, ElementsAre(2, 3, 4, 5, 6, 7, 8));
}

TEST(Scheduler, with_retry_a_call_that_had_begun_goes_elsewhere_until_max_attempts) {
  Play play({.max_workers = 1, .on_death = OnDeath::retry, .max_attempts = 3});
  play.submit(1);
  for (std::uint32_t attempt = 1; attempt <= 2; ++attempt) {
    play.ready({0, attempt});
    play.gone({0, attempt}, play.tickets());
    EXPECT_THAT(play.out.ends, IsEmpty());
  }
  play.ready({0, 3});
  play.gone({0, 3}, play.tickets());
  ASSERT_THAT(play.ended(), ElementsAre(Pair(0, Why::worker_died)));
  EXPECT_EQ(play.out.ends[0].attempt, 3u);
}

TEST(Scheduler, with_retry_the_result_tells_which_attempt_it_is) {
  Play play({.max_workers = 1, .on_death = OnDeath::retry});
  play.submit(1);
  play.ready({0, 1});
  play.gone({0, 1}, play.tickets());
  play.ready({0, 2});
  EXPECT_EQ(play.results({0, 2}, play.tickets()).ends.at(0).attempt, 2u);
}

TEST(Scheduler, a_death_is_nobody_elses_business) {
  Play play({.max_workers = 2});
  const auto workers = play.warm_up(2, 1s);
  play.submit(2);
  const auto first = play.tickets_for(workers[0]);
  const auto second = play.tickets_for(workers[1]);
  play.gone(workers[0], first);
  EXPECT_THAT(play.ended(), ElementsAre(Pair(task_of(first[0]), Why::worker_died)));
  EXPECT_THAT(play.results(workers[1], second).ends, SizeIs(1));
}

TEST(Scheduler, a_worker_that_died_is_replaced_only_when_work_needs_it) {
  Play play({.max_workers = 1});
  play.submit(1);
  play.ready({0, 1});
  EXPECT_THAT(play.gone({0, 1}, play.tickets()).starts, IsEmpty());
  EXPECT_THAT(play.submit(1).starts, SizeIs(1));
}

TEST(Scheduler, the_death_of_a_worker_is_told_only_once) {
  Play play({.max_workers = 1});
  play.submit(1);
  play.ready({0, 1});
  const auto given = play.tickets();
  play.gone({0, 1}, given);
  EXPECT_THAT(play.gone({0, 1}, given).ends, IsEmpty());
}

// ---- crash loops ------------------------------------------------------------------------------

TEST(Scheduler, starts_that_achieve_nothing_back_off_and_then_break_the_pool_with_the_cause) {
  Play play({.max_workers = 1, .max_fruitless = 4, .first_backoff = 20ms});
  play.submit(2);
  Duration backoff = 20ms;
  for (std::uint32_t life = 1; life <= 3; ++life) {
    EXPECT_THAT(play.fail_start({0, life}).starts, IsEmpty());
    ASSERT_EQ(play.scheduler.next_tick(), play.now + backoff);
    play.now += backoff - 1ns;
    EXPECT_THAT(play.tick().starts, IsEmpty()) << "a tick too early";
    play.now += 1ns;
    EXPECT_THAT(play.tick().starts, SizeIs(1));
    backoff *= 2;
  }
  play.fail_start({0, 4}, "cannot run /no/such");
  EXPECT_THAT(play.ended(), ElementsAre(Pair(0, Why::broken), Pair(1, Why::broken)));
  ASSERT_TRUE(play.scheduler.broken());
  EXPECT_THAT(*play.scheduler.broken(), testing::HasSubstr("cannot run /no/such"));
}

TEST(Scheduler, workers_that_die_before_they_begin_anything_break_the_pool_as_well) {
  Play play({.max_workers = 1, .max_fruitless = 3});
  play.submit(1);
  for (std::uint32_t life = 1; life <= 3; ++life) {
    if (life > 1) {
      play.now = *play.scheduler.next_tick();
      play.tick();
    }
    play.ready({0, life});
    play.gone({0, life});
  }
  EXPECT_THAT(play.ended(), ElementsAre(Pair(0, Why::broken)));
}

TEST(Scheduler, workers_that_die_while_they_are_set_up_break_the_pool_however_late) {
  Play play({.max_workers = 1, .max_fruitless = 2});
  play.submit(1);
  for (std::uint32_t life = 1; life <= 2; ++life) {
    if (life > 1) {
      play.now = *play.scheduler.next_tick();
      play.tick();
    }
    play.tell(WorkerReady{{0, life}, true});
    play.now += 1h;
    play.gone({0, life});
  }
  EXPECT_THAT(play.ended(), ElementsAre(Pair(0, Why::broken)));
}

TEST(Scheduler, a_worker_that_lasted_after_it_was_set_up_was_worth_its_start) {
  Play play({.max_workers = 1, .max_fruitless = 1, .fruitful_after = 1s});
  play.submit(1);
  play.tell(WorkerReady{{0, 1}, true});
  play.tell(WorkerSetUp{{0, 1}});
  play.cancel(0, true);
  play.now += 1s;
  play.gone({0, 1});
  EXPECT_EQ(play.scheduler.broken(), std::nullopt);
}

TEST(Scheduler, workers_that_begin_calls_and_die_do_not_break_the_pool) {
  Play play({.max_workers = 1, .max_fruitless = 2});
  play.submit(20);
  for (std::uint32_t life = 1; life <= 20; ++life) {
    play.ready({0, life});
    play.gone({0, life}, play.tickets());
    EXPECT_THAT(play.ended(), ElementsAre(Pair(life - 1, Why::worker_died)));
  }
  EXPECT_EQ(play.scheduler.broken(), std::nullopt);
}

TEST(Scheduler, results_of_others_keep_a_pool_whole_whose_new_workers_fail) {
  Play play({.max_workers = 2, .max_fruitless = 2});
  const WorkerRef worker = play.warm_up(1, 1s).at(0);
  play.submit(50);
  auto given = play.tickets_for(worker);
  for (int i = 0; i < 10; ++i) {
    ASSERT_THAT(play.out.starts, SizeIs(1));
    play.fail_start(play.started());
    play.results(worker, given, {}, 1s);
    given = play.tickets_for(worker);
    play.now = *play.scheduler.next_tick();
    play.tick();
  }
  EXPECT_EQ(play.scheduler.broken(), std::nullopt);
}

TEST(Scheduler, an_idle_worker_that_was_killed_is_not_started_again_without_work) {
  Play play({.max_workers = 1, .eager = false});
  play.submit(1);
  play.ready({0, 1});
  play.cancel(0, true);
  play.gone({0, 1});  // it never began anything
  while (const auto next = play.scheduler.next_tick()) {
    play.now = *next;
    ASSERT_THAT(play.tick().starts, IsEmpty());
  }
  EXPECT_THAT(play.submit(1).starts, SizeIs(1));
}

TEST(Scheduler, after_the_pool_broke_calls_end_as_broken_at_once) {
  Play play({.max_workers = 1});
  play.tell(PoolBroke{"the initializer threw"});
  EXPECT_THAT(play.submit(2).starts, IsEmpty());
  EXPECT_THAT(play.ended(), ElementsAre(Pair(0, Why::broken), Pair(1, Why::broken)));
  EXPECT_EQ(play.scheduler.broken(), "the initializer threw");
}

TEST(Scheduler, the_first_cause_of_a_break_stands) {
  Play play({.max_workers = 1});
  play.tell(PoolBroke{"first"});
  play.tell(PoolBroke{"second"});
  EXPECT_EQ(play.scheduler.broken(), "first");
}

TEST(Scheduler, results_that_come_after_the_break_are_dropped) {
  Play play({.max_workers = 2});
  const auto workers = play.warm_up(2, 1s);
  play.submit(2);
  const auto given = play.tickets_for(workers[0]);
  play.tell(PoolBroke{"x"});
  EXPECT_THAT(play.out.ends, SizeIs(2));
  EXPECT_THAT(play.results(workers[0], given).ends, IsEmpty());
  EXPECT_THAT(play.gone(workers[0], given).ends, IsEmpty());
  EXPECT_EQ(play.scheduler.held(), 0u);
}

TEST(Scheduler, after_the_break_no_worker_holds_a_call_that_has_ended) {
  Play play({.max_workers = 1});
  const WorkerRef worker = play.warm_up(1, 1s).at(0);
  play.submit(1);
  const WorkerTable& workers = play.scheduler.workers();
  ASSERT_THAT(workers.held_by(workers[worker.id]), SizeIs(1));
  play.tell(PoolBroke{"x"});
  EXPECT_THAT(workers.held_by(workers[worker.id]), IsEmpty());
}

TEST(Scheduler, calls_that_wait_again_are_named_and_those_that_ended_are_not) {
  Play play({.max_workers = 1, .on_death = OnDeath::retry});
  const WorkerRef worker = play.warm_up(1, 2ms).at(0);
  play.submit(1, 0, 1);
  std::vector<Ticket> held = play.tickets();
  play.submit(1);
  held.push_back(play.tickets().at(0));
  play.results(worker, {held[0], held[1]}, {How::raised, How::raised}, 2ms);
  EXPECT_THAT(play.out.again, ElementsAre(task_of(held[0])));
  EXPECT_THAT(play.ended(), ElementsAre(Pair(task_of(held[1]), Why::result)));
}

TEST(Conformance, H02_with_break_pool_one_death_fails_every_call) {
  Play play({.max_workers = 2, .on_death = OnDeath::break_pool});
  const auto workers = play.warm_up(2, 1s);
  play.submit(4);
  const auto running = play.tickets_for(workers[0]);
  play.gone(workers[0], running, "was killed by SIGSEGV");
  std::set<TaskId> died, broken;
  for (const auto& [task, why] : play.ended())
    (why == Why::worker_died ? died : broken).insert(task);
  EXPECT_THAT(died, ElementsAre(task_of(running[0])));
  EXPECT_THAT(broken, SizeIs(3));
  EXPECT_EQ(play.scheduler.broken(), "was killed by SIGSEGV");
}

TEST(Scheduler, calls_that_end_with_the_pool_are_not_named_as_waiting_again) {
  Play play({.max_workers = 1, .on_death = OnDeath::break_pool});
  const WorkerRef worker = play.warm_up(1, 2ms).at(0);
  play.submit(3);
  const auto held = play.tickets();
  ASSERT_THAT(held, SizeIs(3));
  play.gone(worker, {held[0]});
  EXPECT_THAT(play.ended(), SizeIs(3));
  EXPECT_THAT(play.out.again, IsEmpty());
}

}  // namespace
}  // namespace flagship::core
