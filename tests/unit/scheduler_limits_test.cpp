// SPDX-License-Identifier: MIT
// What the scheduler makes of tasks and workers that take too much: time, memory, turns.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "master/pool/core/scheduler.hpp"
#include "tests/unit/play.hpp"

namespace flagship::core {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;
using testing::SizeIs;

/// A pool of one worker which holds `count` tasks with a time limit of a second.
struct Limited : Play {
  explicit Limited(std::uint32_t count, Settings settings = {.max_workers = 1}) : Play(settings) {
    worker = warm_up(1, kShort).at(0);
    std::vector<NewTask> tasks;
    for (std::uint32_t i = 0; i < count; ++i) tasks.push_back({100 + i, 0, 0, 1s});
    held = (tell(TasksArrived{tasks}), tickets());
  }
  const Commands& seen(const std::vector<RunningTask>& running) {
    return tell(WorkerSeen{worker, running});
  }
  WorkerRef worker;
  std::vector<Ticket> held;
};

TEST(TimeLimits, nobody_looks_before_the_time_can_be_up) {
  Limited play(1);
  EXPECT_EQ(play.scheduler.next_tick(), play.now + 1s);
  play.now += 999ms;
  EXPECT_THAT(play.tick().looks, IsEmpty());
  play.now += 1ms;
  EXPECT_THAT(play.tick().looks, ElementsAre(play.worker));
}

TEST(TimeLimits, a_task_whose_time_is_up_is_stopped) {
  Limited play(1);
  const Time began = play.now;
  play.now += 1s;
  play.tick();
  EXPECT_THAT(play.seen({{play.held[0], began}}).stops, SizeIs(1));
  EXPECT_EQ(play.out.stops[0].task.ticket, play.held[0]);
  EXPECT_THAT(play.out.ends, IsEmpty()) << "it may have ended meanwhile";
  play.tell(TaskStopped{play.held[0], true});
  EXPECT_THAT(play.ended(), ElementsAre(Pair(100, Why::timed_out)));
  EXPECT_THAT(play.out.kills, ElementsAre(play.worker));
}

TEST(TimeLimits, running_time_counts_and_not_the_time_before) {
  Limited play(1);
  play.now += 1s;
  play.tick();
  EXPECT_THAT(play.seen({{play.held[0], play.now - 300ms}}).stops, IsEmpty());
  EXPECT_EQ(play.scheduler.next_tick(), play.now + 700ms);
}

TEST(TimeLimits, what_has_not_begun_is_looked_at_again_when_it_may_be_over) {
  Limited play(2);
  play.now += 1s;
  play.tick();
  play.seen({{play.held[0], play.now}});
  EXPECT_EQ(play.scheduler.next_tick(), play.now + 1s);
}

TEST(TimeLimits, a_result_that_was_faster_than_the_stop_counts) {
  Limited play(1);
  const Time began = play.now;
  play.now += 1s;
  play.tick();
  play.seen({{play.held[0], began}});
  EXPECT_THAT(play.results(play.worker, {play.held[0]}).ends, SizeIs(1));
  EXPECT_EQ(play.out.ends[0].why, Why::result);
  EXPECT_THAT(play.tell(TaskStopped{play.held[0], true}).ends, IsEmpty());
  EXPECT_THAT(play.out.kills, IsEmpty());
}

TEST(TimeLimits, a_pool_that_holds_nothing_any_more_asks_for_no_tick) {
  Limited play(3);
  play.results(play.worker, play.held);
  EXPECT_EQ(play.scheduler.next_tick(), std::nullopt);
}

TEST(TimeLimits, workers_are_looked_at_each_in_its_own_time) {
  Play play({.max_workers = 2});
  const auto workers = play.warm_up(2, Play::kLong);
  for (const TaskId id : {10u, 11u}) {
    const NewTask task{id, 0, 0, 1s};
    play.tell(TasksArrived{{&task, 1}});
    play.now += 300ms;
  }
  play.now += 400ms;
  EXPECT_THAT(play.tick().looks, ElementsAre(workers[1])) << "the last to be idle was the first";
  EXPECT_EQ(play.scheduler.next_tick(), play.now + 300ms);
  play.now += 300ms;
  EXPECT_THAT(play.tick().looks, ElementsAre(workers[0]));
}

TEST(TimeLimits, tasks_without_one_are_not_looked_at) {
  Play play({.max_workers = 1});
  play.warm_up(1, Play::kShort);
  play.submit(5);
  play.now += 1h;
  EXPECT_THAT(play.tick().looks, IsEmpty());
}

TEST(Stopped, the_worker_gets_nothing_more_and_what_it_held_moves) {
  Limited play(3);
  play.tell(TaskStopped{play.held[0]});
  EXPECT_THAT(play.ended(), ElementsAre(Pair(100, Why::cancelled)));
  EXPECT_THAT(play.out.kills, ElementsAre(play.worker));
  ASSERT_THAT(play.out.take_backs, SizeIs(1));
  EXPECT_THAT(play.out.take_backs[0].tasks, SizeIs(2));
  play.take_back(play.worker, {play.held[1], play.held[2]});
  EXPECT_THAT(play.submit(1).assigns, IsEmpty());
  EXPECT_THAT(play.gone(play.worker).ends, IsEmpty());
  const WorkerRef next = play.started();
  EXPECT_THAT((play.ready(next), play.assigned()), ElementsAre(101));
}

TEST(Stopped, another_place_is_used_while_the_worker_is_being_killed) {
  Limited play(1, {.max_workers = 2});
  play.tell(TaskStopped{play.held[0]});
  EXPECT_THAT(play.submit(1).starts, SizeIs(1));
  EXPECT_NE(play.started().id, play.worker.id);
}

TEST(Stopped, what_the_worker_ran_beside_it_begins_elsewhere_with_retry) {
  Play play({.max_workers = 1, .concurrency = 2, .on_death = OnDeath::retry, .max_attempts = 2});
  play.submit(2);
  play.ready({0, 1});
  const std::vector<Ticket> running = play.tickets();
  ASSERT_THAT(running, SizeIs(2));
  play.tell(TaskStopped{running[0]});
  EXPECT_THAT(play.gone({0, 1}, {running[1]}).ends, IsEmpty());
  EXPECT_THAT((play.ready(play.started()), play.assigned()), ElementsAre(1));
  EXPECT_EQ(play.out.assigned.at(0).attempt, 2u);
}

TEST(Stopped, what_the_worker_ran_beside_it_ends_with_it_otherwise) {
  Play play({.max_workers = 1, .concurrency = 2});
  play.submit(2);
  play.ready({0, 1});
  const std::vector<Ticket> running = play.tickets();
  play.tell(TaskStopped{running.at(0)});
  play.gone({0, 1}, {running.at(1)});
  EXPECT_THAT(play.ended(), ElementsAre(Pair(1, Why::worker_died)));
}

TEST(Stopped, the_death_that_follows_breaks_nothing) {
  Limited play(1, {.max_workers = 1, .on_death = OnDeath::break_pool});
  play.tell(TaskStopped{play.held[0]});
  play.gone(play.worker, {});
  EXPECT_EQ(play.scheduler.broken(), std::nullopt);
}

TEST(Recycling, a_worker_is_never_given_more_than_it_may_do_and_leaves_then) {
  Play play({.max_workers = 1, .max_tasks_per_worker = 3});
  const WorkerRef worker = play.warm_up(1, Play::kShort).at(0);
  play.submit(10);
  const std::vector<Ticket> given = play.tickets();
  EXPECT_THAT(given, SizeIs(2)) << "it has done one";
  EXPECT_THAT(play.results(worker, given).drains, SizeIs(1));
  EXPECT_THAT(play.out.assigns, IsEmpty());
  EXPECT_THAT(play.gone(worker).starts, SizeIs(1));
}

TEST(Recycling, a_task_that_it_did_not_begin_does_not_count) {
  Play play({.max_workers = 1, .max_tasks_per_worker = 2});
  const WorkerRef worker = play.warm_up(1, Play::kShort).at(0);
  play.submit(1);
  const std::vector<Ticket> given = play.tickets();
  EXPECT_THAT(play.results(worker, given, {How::recalled}).drains, IsEmpty());
  EXPECT_THAT(play.tickets(), SizeIs(1));
}

TEST(Recycling, a_worker_that_is_too_big_gives_back_what_it_has_not_begun_and_leaves) {
  Play play({.max_workers = 1, .max_worker_rss = 1000});
  const WorkerRef worker = play.warm_up(1, Play::kShort).at(0);
  play.submit(3);
  const std::vector<Ticket> given = play.tickets();
  ASSERT_THAT(given, SizeIs(3));
  const std::vector<Ticket> first{given[0]};
  play.tell(ResultsArrived{worker, first, {}, Play::kShort, 1001});
  ASSERT_THAT(play.out.take_backs, SizeIs(1));
  EXPECT_THAT(play.out.drains, IsEmpty()) << "it may be running one of them";
  EXPECT_THAT(play.take_back(worker, {given[1], given[2]}).drains, SizeIs(1));
  EXPECT_THAT(play.out.assigns, IsEmpty());
}

TEST(Harvest, the_outbox_of_a_worker_that_has_been_silent_is_looked_into_now_and_then) {
  Play play({.max_workers = 1});
  const WorkerRef worker = play.warm_up(1, Play::kShort).at(0);
  play.submit(3);
  EXPECT_EQ(play.scheduler.next_tick(), play.now + 10ms);
  play.now += 10ms;
  EXPECT_THAT(play.tick().harvests, ElementsAre(worker));
  EXPECT_EQ(play.scheduler.next_tick(), play.now + 10ms);
  play.now += 10ms;
  EXPECT_THAT(play.tick().harvests, ElementsAre(worker));
  EXPECT_EQ(play.scheduler.next_tick(), play.now + 20ms) << "after as long again";
}

TEST(Harvest, a_worker_that_spoke_lately_is_left_in_peace) {
  Play play({.max_workers = 1});
  const WorkerRef worker = play.warm_up(1, Play::kShort).at(0);
  const std::vector<Ticket> given = (play.submit(4), play.tickets());
  play.now += 6ms;
  play.results(worker, {given[0]});
  play.now += 4ms;
  EXPECT_THAT(play.tick().harvests, IsEmpty());
  EXPECT_EQ(play.scheduler.next_tick(), play.now + 6ms);
}

TEST(Harvest, a_worker_that_holds_one_call_keeps_nothing_back) {
  Play play({.max_workers = 1});
  play.warm_up(1, Play::kShort);
  play.submit(1);
  EXPECT_EQ(play.scheduler.next_tick(), std::nullopt);
}

TEST(IdleTimeout, a_worker_that_had_nothing_for_so_long_leaves) {
  Play play({.max_workers = 2, .idle_timeout = 1s});
  const WorkerRef worker = play.warm_up(1, Play::kShort).at(0);
  EXPECT_EQ(play.scheduler.next_tick(), play.now + 1s);
  play.now += 1s;
  EXPECT_THAT(play.tick().drains, SizeIs(1));
  EXPECT_THAT(play.gone(worker).starts, IsEmpty());
  EXPECT_EQ(play.scheduler.next_tick(), std::nullopt);
  EXPECT_THAT(play.submit(1).starts, SizeIs(1));
}

TEST(IdleTimeout, work_makes_it_begin_anew) {
  Play play({.max_workers = 1, .idle_timeout = 1s});
  const WorkerRef worker = play.warm_up(1, Play::kShort).at(0);
  play.now += 600ms;
  const std::vector<Ticket> given = (play.submit(1), play.tickets());
  play.results(worker, given);
  play.now += 600ms;
  EXPECT_THAT(play.tick().drains, IsEmpty());
  play.now += 400ms;
  EXPECT_THAT(play.tick().drains, SizeIs(1));
}

TEST(IdleTimeout, workers_of_an_eager_pool_leave_too) {
  Play play({.max_workers = 2, .idle_timeout = 1s, .eager = true});
  const std::vector<StartWorker> starts = play.tick().starts;
  for (const StartWorker& start : starts) play.ready(start.worker);
  play.now += 1s;
  EXPECT_THAT(play.tick().drains, SizeIs(2));
  EXPECT_THAT(play.gone(starts[0].worker).starts, IsEmpty());
}

}  // namespace
}  // namespace flagship::core
