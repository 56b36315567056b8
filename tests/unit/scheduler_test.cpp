// SPDX-License-Identifier: MIT
#include "master/pool/core/scheduler.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <numeric>
#include <set>

#include "tests/unit/play.hpp"

namespace flagship::core {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;
using testing::SizeIs;

using Ends = std::vector<std::pair<TaskId, Why>>;

// ---- starting workers -------------------------------------------------------------------------

TEST(Scheduler, starts_no_worker_before_work_comes) {
  Play play({.max_workers = 4});
  EXPECT_THAT(play.tick().starts, IsEmpty());
  EXPECT_EQ(play.scheduler.next_tick(), std::nullopt);
}

TEST(Scheduler, an_eager_pool_starts_all_workers_at_once) {
  Play play({.max_workers = 4, .eager = true});
  EXPECT_THAT(play.tick().starts, SizeIs(4));
}

TEST(Scheduler, starts_as_many_workers_as_there_is_work_and_no_more_than_the_most) {
  for (const std::uint32_t tasks : {1u, 3u, 4u, 5u, 100u}) {
    Play play({.max_workers = 4});
    EXPECT_THAT(play.submit(tasks).starts, SizeIs(std::min(tasks, 4u))) << tasks << " tasks";
  }
}

TEST(Scheduler, worker_zero_is_the_first_to_start) {
  Play play({.max_workers = 3});
  EXPECT_EQ(play.submit(1).starts.at(0).worker, (WorkerRef{0, 1}));
}

TEST(Conformance, F06_a_sequence_of_calls_reuses_one_idle_worker) {
  Play play({.max_workers = 4});
  const WorkerRef worker = (play.submit(1), play.started());
  play.ready(worker);
  for (int i = 0; i < 10; ++i) {
    const std::vector<Ticket> given = play.tickets();
    ASSERT_THAT(given, SizeIs(1));
    play.results(worker, given);
    EXPECT_THAT(play.submit(1).starts, IsEmpty());
  }
}

TEST(Conformance, F07_overlapping_calls_start_only_as_many_workers_as_are_needed) {
  Play play({.max_workers = 8});
  play.warm_up(2, Play::kLong);
  EXPECT_THAT(play.submit(2).starts, IsEmpty());
  EXPECT_THAT(play.submit(1).starts, SizeIs(1));
}

TEST(Conformance, F08_a_backlog_starts_exactly_max_workers) {
  Play play({.max_workers = 3});
  std::set<std::uint32_t> started;
  for (int i = 0; i < 100; ++i)
    for (const StartWorker& start : play.submit(1).starts) started.insert(start.worker.id);
  EXPECT_THAT(started, ElementsAre(0, 1, 2));
}

TEST(Scheduler, a_message_of_an_earlier_life_does_not_make_a_worker_ready) {
  Play play({.max_workers = 1});
  play.submit(1);
  EXPECT_THAT(play.ready({0, 7}).assigns, IsEmpty());
  EXPECT_THAT(play.ready({9, 1}).assigns, IsEmpty());
  EXPECT_THAT(play.ready({0, 1}).assigns, SizeIs(1));
}

TEST(Scheduler, concurrency_is_shared_out_over_the_workers) {
  Play play({.max_workers = 3, .concurrency = 8});
  const Commands& out = play.submit(100);
  std::vector<std::uint32_t> shares;
  for (const StartWorker& start : out.starts) shares.push_back(start.concurrency);
  std::sort(shares.begin(), shares.end());
  EXPECT_THAT(shares, ElementsAre(2, 3, 3));
}

// ---- order ------------------------------------------------------------------------------------

TEST(Conformance, F10_calls_are_handed_out_first_in_first_out) {
  Play play({.max_workers = 1});
  play.submit(20);
  std::vector<TaskId> order;
  play.ready({0, 1});
  while (!play.tickets().empty()) {
    const std::vector<TaskId> given = play.assigned();
    order.insert(order.end(), given.begin(), given.end());
    play.results({0, 1}, play.tickets());
  }
  std::vector<TaskId> expected(20);
  std::iota(expected.begin(), expected.end(), 0u);
  EXPECT_EQ(order, expected);
}

TEST(Scheduler, higher_priority_goes_first_and_equal_priorities_in_order) {
  Play play({.max_workers = 1});
  play.submit(1, 0);
  play.submit(2, -5);
  play.submit(2, 7);
  play.submit(1, 0);
  play.submit(1, std::numeric_limits<int>::max());
  play.submit(1, std::numeric_limits<int>::min());
  std::vector<TaskId> order;
  for (play.ready({0, 1}); !play.tickets().empty();
       play.results({0, 1}, play.tickets(), {}, Play::kLong))
    for (const TaskId task : play.assigned()) order.push_back(task);
  EXPECT_THAT(order, ElementsAre(6, 3, 4, 0, 5, 1, 2, 7));
}

TEST(Scheduler, idle_workers_share_a_burst_evenly) {
  Play play({.max_workers = 4});
  const auto workers = play.warm_up(4, Play::kShort);
  play.submit(100);
  for (const WorkerRef worker : workers) EXPECT_THAT(play.tickets_for(worker), SizeIs(25));
}

TEST(Scheduler, busy_workers_share_a_burst_too) {
  Play play({.max_workers = 4});
  const auto workers = play.warm_up(4, Play::kShort);
  play.submit(8);
  play.submit(100);
  for (const WorkerRef worker : workers) EXPECT_THAT(play.tickets_for(worker), SizeIs(25));
}

TEST(Scheduler, a_single_call_goes_to_the_worker_that_was_idle_last) {
  Play play({.max_workers = 3});
  const auto workers = play.warm_up(3, Play::kShort);
  EXPECT_EQ(play.submit(1).assigns.at(0).worker, workers.back());
}

// ---- credit -----------------------------------------------------------------------------------

TEST(Scheduler, a_worker_whose_calls_are_not_known_yet_gets_one_call) {
  Play play({.max_workers = 1});
  play.submit(100);
  EXPECT_THAT(play.ready({0, 1}).assigned, SizeIs(1));
}

TEST(Scheduler, credit_grows_with_short_calls) {
  Play play({.max_workers = 1});
  play.warm_up(1, 100us);
  EXPECT_THAT(play.submit(1000).assigned, SizeIs(81)) << "8 ms ahead, and the one that runs";
}

TEST(Scheduler, credit_is_never_more_than_the_claim_page_has_places) {
  Play play({.max_workers = 1, .max_window = 64});
  play.warm_up(1, 1ns);
  EXPECT_THAT(play.submit(1000).assigned, SizeIs(64));
}

TEST(Scheduler, credit_stays_at_one_for_long_calls) {
  Play play({.max_workers = 1});
  const WorkerRef worker = play.warm_up(1, 60ms).at(0);
  EXPECT_THAT(play.submit(10).assigned, SizeIs(1));
  EXPECT_THAT(play.results(worker, play.tickets(), {}, 60ms).assigned, SizeIs(1));
}

TEST(Scheduler, one_long_call_takes_the_credit_away_at_once) {
  Play play({.max_workers = 1});
  const WorkerRef worker = play.warm_up(1, Play::kShort).at(0);
  play.submit(10);
  play.results(worker, play.tickets(), {}, 1s);
  EXPECT_THAT(play.submit(10).assigned, SizeIs(1));
}

TEST(Scheduler, a_runner_that_overlaps_calls_gets_all_it_can_overlap) {
  Play play({.max_workers = 2, .concurrency = 10});
  play.submit(100);
  const WorkerRef worker = play.started();
  EXPECT_THAT(play.ready(worker).assigned, SizeIs(5));
}

TEST(Scheduler, a_busy_worker_is_topped_up_in_fair_portions_only) {
  Play play({.max_workers = 1});
  const WorkerRef worker = play.warm_up(1, 100us).at(0);
  play.submit(1000);
  std::vector<Ticket> held = play.tickets();
  ASSERT_THAT(held, SizeIs(81));
  std::size_t given_back = 0;
  while (play.results(worker, {held.at(given_back)}, {}, 100us).assigned.empty()) ++given_back;
  EXPECT_EQ(given_back + 1, 81u / 4);
}

TEST(Scheduler, the_last_calls_are_left_for_workers_that_are_coming) {
  Play play({.max_workers = 2});
  const WorkerRef first = play.warm_up(1, Play::kShort).at(0);
  play.submit(2);
  ASSERT_THAT(play.out.starts, SizeIs(1));
  EXPECT_THAT(play.tickets_for(first), SizeIs(1));
  const WorkerRef second = play.started();
  play.ready(second);
  EXPECT_THAT(play.tickets_for(second), SizeIs(1));
}

// ---- results ----------------------------------------------------------------------------------

TEST(Scheduler, a_result_ends_its_task_where_it_stood_in_the_message) {
  Play play({.max_workers = 1});
  const WorkerRef worker = play.warm_up(1, Play::kShort).at(0);
  play.submit(3);
  std::vector<Ticket> given = play.tickets();
  ASSERT_THAT(given, SizeIs(3));
  const Ticket unknown = make_ticket(77, 12345);
  play.results(worker, {unknown, given[2], given[0]});
  ASSERT_THAT(play.out.ends, SizeIs(2));
  EXPECT_EQ(play.out.ends[0].task, task_of(given[2]));
  EXPECT_EQ(play.out.ends[0].index, 1u);
  EXPECT_EQ(play.out.ends[1].task, task_of(given[0]));
  EXPECT_EQ(play.out.ends[1].index, 2u);
  EXPECT_EQ(play.out.ends[0].attempt, 1u);
  EXPECT_EQ(play.scheduler.stale_results(), 1u);
}

TEST(Scheduler, a_second_result_for_the_same_ticket_is_dropped) {
  Play play({.max_workers = 1});
  play.submit(1);
  play.ready({0, 1});
  const std::vector<Ticket> given = play.tickets();
  EXPECT_THAT(play.results({0, 1}, {given[0], given[0]}).ends, SizeIs(1));
  EXPECT_THAT(play.results({0, 1}, given).ends, IsEmpty());
  EXPECT_EQ(play.scheduler.stale_results(), 2u);
}

TEST(Scheduler, a_result_with_the_stamp_of_an_earlier_handing_over_is_dropped) {
  Play play({.max_workers = 2, .on_death = OnDeath::retry});
  play.submit(1);
  const WorkerRef first = play.started();
  play.ready(first);
  const std::vector<Ticket> old = play.tickets();
  play.gone(first, old);
  const WorkerRef second = play.started();
  play.ready(second);
  const std::vector<Ticket> current = play.tickets();
  ASSERT_NE(old, current);
  EXPECT_THAT(play.results(second, old).ends, IsEmpty());
  EXPECT_THAT(play.results(first, old).ends, IsEmpty());
  EXPECT_THAT(play.results(second, current).ends, SizeIs(1));
}

TEST(Scheduler, a_result_from_a_worker_that_is_gone_is_dropped) {
  Play play({.max_workers = 1});
  play.submit(1);
  play.ready({0, 1});
  const std::vector<Ticket> given = play.tickets();
  play.gone({0, 1}, given);
  EXPECT_THAT(play.results({0, 1}, given).ends, IsEmpty());
}

TEST(Scheduler, a_task_number_can_be_used_again_once_its_task_has_ended) {
  Play play({.max_workers = 1});
  play.submit(1);
  play.ready({0, 1});
  const std::vector<Ticket> old = play.tickets();
  play.results({0, 1}, old);
  const NewTask again{0, 0, 0};
  play.tell(TasksArrived{{&again, 1}});
  EXPECT_THAT(play.results({0, 1}, old).ends, IsEmpty()) << "the old ticket is stale";
}

TEST(Scheduler, a_call_that_threw_is_tried_again_as_often_as_asked) {
  Play play({.max_workers = 1});
  play.submit(1, 0, 2);
  play.ready({0, 1});
  for (int attempt = 1; attempt <= 2; ++attempt) {
    play.results({0, 1}, play.tickets(), {How::raised});
    EXPECT_THAT(play.out.ends, IsEmpty());
    ASSERT_THAT(play.assigned(), ElementsAre(0));
  }
  play.results({0, 1}, play.tickets(), {How::raised});
  ASSERT_THAT(play.ended(), ElementsAre(Pair(0, Why::result)));
  EXPECT_EQ(play.out.ends[0].attempt, 3u);
}

TEST(Scheduler, a_call_that_could_not_be_run_at_all_is_not_tried_again) {
  Play play({.max_workers = 1});
  play.submit(1, 0, 2);
  play.ready({0, 1});
  EXPECT_THAT(play.results({0, 1}, play.tickets(), {How::failed}).ends, SizeIs(1));
}

TEST(Scheduler, another_attempt_waits_its_turn_behind_the_others) {
  Play play({.max_workers = 1});
  play.submit(1, 0, 1);
  play.submit(1);
  play.ready({0, 1});
  play.results({0, 1}, play.tickets(), {How::raised}, 1s);
  EXPECT_THAT(play.assigned(), ElementsAre(1));
}

TEST(Scheduler, a_call_that_a_worker_passed_over_goes_first_again_without_an_attempt_counted) {
  Play play({.max_workers = 1});
  play.submit(3);
  play.ready({0, 1});
  play.results({0, 1}, play.tickets(), {How::recalled}, 1s);
  ASSERT_THAT(play.assigned(), ElementsAre(0));
  play.results({0, 1}, play.tickets());
  EXPECT_EQ(play.out.ends.at(0).attempt, 1u);
}

// ---- the end ----------------------------------------------------------------------------------

TEST(Scheduler, a_pool_without_workers_is_finished_as_soon_as_it_is_shut_down) {
  Play play({.max_workers = 2});
  EXPECT_FALSE(play.scheduler.finished());
  play.shut_down();
  EXPECT_TRUE(play.scheduler.finished());
}

TEST(Scheduler, shutdown_runs_what_was_submitted_then_drains_the_workers) {
  Play play({.max_workers = 1});
  play.submit(2);
  play.shut_down();
  EXPECT_THAT(play.out.ends, IsEmpty());
  play.ready({0, 1});
  play.results({0, 1}, play.tickets(), {}, 1s);
  EXPECT_THAT(play.out.drains, IsEmpty());
  play.results({0, 1}, play.tickets(), {}, 1s);
  ASSERT_THAT(play.out.drains, SizeIs(1));
  EXPECT_FALSE(play.scheduler.finished());
  play.gone({0, 1});
  EXPECT_TRUE(play.scheduler.finished());
  EXPECT_EQ(play.scheduler.broken(), std::nullopt);
}

TEST(Scheduler, a_worker_that_becomes_ready_after_all_has_ended_is_drained) {
  Play play({.max_workers = 1});
  play.submit(1);
  play.cancel(0);
  play.shut_down();
  EXPECT_FALSE(play.scheduler.finished());
  EXPECT_THAT(play.ready({0, 1}).drains, SizeIs(1));
}

TEST(Scheduler, a_worker_is_drained_once) {
  Play play({.max_workers = 1});
  play.submit(1);
  play.ready({0, 1});
  play.results({0, 1}, play.tickets());
  EXPECT_THAT(play.shut_down().drains, SizeIs(1));
  EXPECT_THAT(play.shut_down().drains, IsEmpty());
}

TEST(Scheduler, shutdown_with_cancel_ends_what_is_queued_and_leaves_what_is_held) {
  Play play({.max_workers = 1});
  play.submit(3);
  play.ready({0, 1});
  const auto held = play.tickets();
  play.shut_down(true);
  EXPECT_THAT(play.ended(), ElementsAre(Pair(1, Why::cancelled), Pair(2, Why::cancelled)));
  EXPECT_THAT(play.results({0, 1}, held).ends, SizeIs(1));
}

TEST(Scheduler, a_worker_that_dies_after_shutdown_is_replaced_while_work_is_left) {
  Play play({.max_workers = 1});
  play.submit(2);
  play.shut_down();
  play.ready({0, 1});
  play.gone({0, 1}, play.tickets());
  EXPECT_THAT(play.ended(), ElementsAre(Pair(0, Why::worker_died)));
  ASSERT_THAT(play.out.starts, SizeIs(1));
  play.ready({0, 2});
  EXPECT_THAT(play.results({0, 2}, play.tickets()).ends, SizeIs(1));
}

TEST(Scheduler, shutdown_ends_a_place_that_backs_off) {
  Play play({.max_workers = 1});
  play.submit(1);
  play.fail_start({0, 1});
  play.cancel(0);
  play.shut_down();
  EXPECT_TRUE(play.scheduler.finished());
}

TEST(Scheduler, terminate_cancels_what_is_queued_and_death_decides_about_the_rest) {
  Play play({.max_workers = 1});
  const WorkerRef worker = play.warm_up(1, 4ms).at(0);
  play.submit(5);
  const auto held = play.tickets();
  ASSERT_THAT(held, SizeIs(3));
  play.tell(TerminateAsked{});
  EXPECT_THAT(play.ended(), ElementsAre(Pair(4, Why::cancelled), Pair(5, Why::cancelled)));
  play.gone(worker, {held[0]});
  EXPECT_EQ(play.ended(), (Ends{{3, Why::cancelled}, {2, Why::cancelled}, {1, Why::worker_died}}));
  EXPECT_THAT(play.out.starts, IsEmpty());
  EXPECT_TRUE(play.scheduler.finished());
}

TEST(Scheduler, after_terminate_not_even_retries_are_made) {
  Play play({.max_workers = 1, .on_death = OnDeath::retry});
  play.submit(1, 0, 5);
  play.ready({0, 1});
  play.tell(TerminateAsked{});
  play.results({0, 1}, play.tickets(), {How::raised});
  EXPECT_THAT(play.out.starts, IsEmpty());
  EXPECT_EQ(play.scheduler.queued(), 0u);
}

TEST(Scheduler, calls_that_come_back_after_terminate_are_cancelled) {
  Play play({.max_workers = 1});
  const WorkerRef worker = play.warm_up(1, 4ms).at(0);
  play.submit(3);
  const auto held = play.tickets();
  ASSERT_THAT(held, SizeIs(3));
  play.tell(TerminateAsked{});
  play.results(worker, {held[1]}, {How::recalled});
  EXPECT_THAT(play.ended(), ElementsAre(Pair(task_of(held[1]), Why::cancelled)));
  play.take_back(worker, {held[2]});
  EXPECT_THAT(play.ended(), ElementsAre(Pair(task_of(held[2]), Why::cancelled)));
}

TEST(Scheduler, calls_that_come_after_terminate_are_cancelled) {
  Play play({.max_workers = 1});
  play.tell(TerminateAsked{});
  play.submit(1);
  EXPECT_THAT(play.ended(), ElementsAre(Pair(0, Why::cancelled)));
  EXPECT_THAT(play.out.starts, IsEmpty());
}

TEST(Scheduler, terminate_without_workers_is_finished_at_once) {
  Play play({.max_workers = 1});
  play.tell(TerminateAsked{});
  EXPECT_TRUE(play.scheduler.finished());
}

TEST(Scheduler, a_broken_pool_is_finished_once_it_is_shut_down_and_its_workers_are_gone) {
  Play play({.max_workers = 2});
  const auto workers = play.warm_up(2, 1s);
  play.tell(PoolBroke{"x"});
  EXPECT_FALSE(play.scheduler.finished());
  play.shut_down();
  for (const WorkerRef worker : workers) play.gone(worker);
  EXPECT_TRUE(play.scheduler.finished());
}

}  // namespace
}  // namespace flagship::core
