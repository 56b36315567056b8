// SPDX-License-Identifier: MIT
// What the scheduler makes of agents: workers that are other hosts.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "master/pool/core/scheduler.hpp"
#include "tests/unit/play.hpp"

namespace flagship::core {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::Pair;
using testing::SizeIs;

constexpr WorkerRef kLocal{0, 1};
constexpr WorkerRef kAgent{0, 1};  // where there are no others
constexpr WorkerRef kSecond{1, 1};

/// A pool of one agent that runs two calls at once, and of `more` settings.
Settings one_agent(Settings more = {}) {
  more.max_workers = 1;
  more.agents = {2};
  return more;
}

std::vector<WorkerRef> refs(const std::vector<StartWorker>& starts) {
  std::vector<WorkerRef> all;
  for (const StartWorker& start : starts) all.push_back(start.worker);
  return all;
}

std::vector<WorkerRef> refs(const std::vector<DrainWorker>& drains) {
  std::vector<WorkerRef> all;
  for (const DrainWorker& drain : drains) all.push_back(drain.worker);
  return all;
}

/// A pool of one agent, to which `count` tasks have been handed.
struct AtAgent : Play {
  explicit AtAgent(std::uint32_t count, Settings more = {}) : Play(one_agent(more)) {
    submit(count);
    tell(WorkerReady{kAgent, false, count});
    held = tickets();
    EXPECT_THAT(held, SizeIs(count));
  }
  std::vector<Ticket> held;
};

// ---- starting ---------------------------------------------------------------------------------

TEST(Agents, all_hosts_are_called_as_soon_as_there_is_anything_to_do) {
  Play play({.max_workers = 4, .agents = {8, 8}});
  EXPECT_THAT(play.tick().starts, IsEmpty());
  EXPECT_THAT(play.submit(1).starts, SizeIs(4));
}

TEST(Agents, an_agent_is_started_for_as_many_calls_as_it_is_thought_to_run) {
  Play play({.max_workers = 3, .concurrency = 2, .agents = {8, 0}});
  std::vector<std::uint32_t> widths;
  for (const StartWorker& start : play.submit(1).starts) widths.push_back(start.concurrency);
  EXPECT_THAT(widths, ElementsAre(2, 8, 1)) << "the concurrency is that of the others";
}

TEST(Agents, how_many_calls_it_runs_is_what_it_says) {
  Play play(one_agent());
  play.submit(10);
  EXPECT_THAT(play.tell(WorkerReady{kAgent, false, 5}).assigned, SizeIs(5));
  play.gone(kAgent);
  play.now += 1s;
  EXPECT_EQ(play.tick().starts.at(0).concurrency, 5u) << "it is known from now on";
}

TEST(Agents, one_that_does_not_say_how_many_runs_as_many_as_it_was_thought_to) {
  Play play(one_agent());
  play.submit(10);
  EXPECT_THAT(play.ready(kAgent).assigned, SizeIs(2));
}

TEST(Agents, what_waits_is_shared_out_by_how_many_calls_they_run) {
  Play play({.max_workers = 3, .agents = {3, 6}});
  play.submit(1);
  for (std::uint32_t id = 0; id < 3; ++id) play.ready({id, 1});
  play.tell(TaskCancelled{0, true});
  play.submit(10);
  EXPECT_THAT(play.tickets_for({0, 1}), SizeIs(1));
  EXPECT_THAT(play.tickets_for({1, 1}), SizeIs(3));
  EXPECT_THAT(play.tickets_for({2, 1}), SizeIs(6));
}

TEST(Agents, no_work_is_kept_for_those_that_have_not_come) {
  Play play({.max_workers = 2, .agents = {8}});
  play.submit(1);
  play.ready(kLocal);
  play.results(kLocal, play.tickets());
  EXPECT_THAT(play.submit(2).assigned, SizeIs(2)) << "one may be waiting for its turn on a cluster";
}

// ---- hosts that are of no use -----------------------------------------------------------------

TEST(Agents, the_trouble_of_one_host_is_not_the_pools) {
  Play play({.max_workers = 2, .max_fruitless = 2, .agents = {1, 1}});
  play.submit(1);
  for (std::uint32_t life = 1; life <= 2; ++life) {
    EXPECT_THAT(play.fail_start({0, life}).ends, IsEmpty());
    play.now += 10s;
    play.tick();
  }
  EXPECT_EQ(play.scheduler.broken(), std::nullopt);
  EXPECT_EQ(play.scheduler.workers()[0].life, Life::given_up);
  EXPECT_THAT(play.ready(kSecond).assigned, SizeIs(1));
}

TEST(Agents, a_host_that_is_hopeless_is_not_tried_again) {
  Play play({.max_workers = 2, .agents = {1, 1}});
  play.submit(1);
  play.tell(StartFailed{kAgent, "no such host", true});
  play.now += 1h;
  EXPECT_THAT(play.tick().starts, IsEmpty());
  EXPECT_EQ(play.scheduler.broken(), std::nullopt);
  EXPECT_EQ(play.scheduler.next_tick(), std::nullopt);
}

TEST(Agents, the_pool_breaks_when_no_host_is_left_with_the_last_cause) {
  Play play({.max_workers = 2, .agents = {1, 1}});
  play.submit(1);
  play.tell(StartFailed{kAgent, "first", true});
  play.tell(StartFailed{kSecond, "no such host", true});
  EXPECT_THAT(play.ended(), ElementsAre(Pair(0, Why::broken)));
  EXPECT_EQ(play.scheduler.broken(), "no host can be used: no such host");
}

TEST(Agents, hosts_that_are_of_no_use_break_no_pool_that_has_workers_of_its_own) {
  Play play({.max_workers = 2, .agents = {1}});
  play.submit(1);
  EXPECT_THAT(play.tell(StartFailed{kSecond, "no such host", true}).ends, IsEmpty());
  EXPECT_EQ(play.scheduler.broken(), std::nullopt);
  EXPECT_THAT(play.ready(kLocal).assigned, SizeIs(1));
}

TEST(Agents, the_bad_luck_of_a_host_does_not_count_for_the_workers_here) {
  Play play({.max_workers = 2, .max_fruitless = 2, .agents = {1}});
  play.submit(1);
  play.fail_start(kSecond);
  play.fail_start(kLocal);
  EXPECT_EQ(play.scheduler.broken(), std::nullopt);
  play.now += 20ms;
  EXPECT_THAT(refs(play.tick().starts), ElementsAre(WorkerRef{0, 2}));
  play.fail_start({0, 2});
  EXPECT_THAT(*play.scheduler.broken(), HasSubstr("no worker could be kept alive"));
}

TEST(Agents, an_agent_backs_off_for_a_second_and_twice_as_long_each_time) {
  Play play(one_agent());
  play.submit(1);
  play.fail_start(kAgent);
  EXPECT_EQ(play.scheduler.next_tick(), play.now + 1s);
  play.now += 1s;
  play.tick();
  play.fail_start({0, 2});
  EXPECT_EQ(play.scheduler.next_tick(), play.now + 2s);
}

TEST(Agents, an_agent_that_was_of_use_takes_a_second_to_come_back_however_often) {
  AtAgent play(1);
  for (std::uint32_t life = 1; life <= 10; ++life) {
    play.results({0, life}, {play.held.at(0)});
    play.submit(1);
    play.gone({0, life});
    EXPECT_EQ(play.scheduler.next_tick(), play.now + 1s);
    play.now += 1s;
    EXPECT_THAT(play.tick().starts, SizeIs(1));
    play.held = (play.ready({0, life + 1}), play.tickets());
  }
}

TEST(Agents, a_host_that_gives_everything_back_is_given_nothing_more_and_given_up_in_the_end) {
  Play play(one_agent({.max_fruitless = 3}));
  play.submit(1);
  for (std::uint32_t life = 1; life <= 3; ++life) {
    const std::vector<Ticket> held = (play.ready({0, life}), play.tickets());
    play.now += 10s;  // it has tried for long
    play.results({0, life}, held, {How::recalled});
    EXPECT_THAT(play.out.assigns, IsEmpty()) << "its pool may be broken";
    EXPECT_THAT(refs(play.out.drains), ElementsAre(WorkerRef{0, life}));
    play.gone({0, life}, {}, "nothing starts there");
    play.now += 10s;
    play.tick();
  }
  EXPECT_EQ(play.scheduler.broken(), "no host can be used: nothing starts there");
}

TEST(Agents, one_that_gives_back_what_it_was_asked_for_is_given_more) {
  AtAgent play(2);
  play.tell(WorkerLeaves{kAgent});  // asks for all
  play.results(kAgent, play.held, {How::recalled, How::recalled});
  EXPECT_FALSE(play.scheduler.workers()[0].unwilling);
}

TEST(Agents, one_is_asked_for_the_same_call_once) {
  Play play({.max_workers = 2, .agents = {1}});
  play.submit(2);
  play.ready(kLocal);
  const std::vector<Ticket> here = play.tickets();
  play.ready(kSecond);
  const std::vector<Ticket> there = play.tickets();
  play.results(kLocal, here);
  play.results(kSecond, there);
  play.submit(8);
  play.results(kLocal, play.tickets_for(kLocal));
  const std::uint32_t held = play.scheduler.workers()[1].held;
  ASSERT_EQ(held, 4u);
  std::size_t asked = 0;
  for (int i = 0; i < 5; ++i) {
    play.now += 10ms;
    play.tick();
    for (const TakeBack& command : play.out.take_backs) asked += command.tasks.size();
  }
  EXPECT_EQ(asked, 2u) << "half of what it holds ahead";
}

TEST(Agents, one_that_was_dismissed_by_us_is_not_of_no_use) {
  Play play({.max_workers = 2, .idle_timeout = 5ms, .max_fruitless = 1, .agents = {1}});
  play.submit(1);
  play.ready(kLocal);
  play.ready(kSecond);
  play.now += 5ms;
  ASSERT_THAT(refs(play.tick().drains), ElementsAre(kSecond));
  play.gone(kSecond);
  EXPECT_EQ(play.scheduler.workers()[1].life, Life::backing_off);
}

TEST(Agents, calls_that_were_given_back_say_nothing_about_how_long_calls_are) {
  AtAgent play(2);
  play.results(kAgent, play.held, {How::recalled, How::recalled}, 0us);
  EXPECT_LT(play.scheduler.workers()[0].mean_ns, 0);
  EXPECT_THAT(play.submit(100).assigned, IsEmpty()) << "they are not known to be short";
}

TEST(Agents, a_call_does_not_wait_for_an_agent_that_may_never_come_when_a_worker_could_run_it) {
  Play play({.max_workers = 2, .idle_timeout = 1s, .agents = {8}});
  play.submit(1);
  play.ready(kLocal);
  play.results(kLocal, play.tickets());
  play.now += 1s;
  ASSERT_THAT(refs(play.tick().drains), ElementsAre(kLocal)) << "it was idle for too long";
  play.gone(kLocal);
  EXPECT_THAT(refs(play.submit(1).starts), ElementsAre(WorkerRef{0, 2}));
}

TEST(Agents, an_agent_that_nobody_needs_any_more_is_not_started_again) {
  AtAgent play(1);
  play.results(kAgent, play.held);
  play.gone(kAgent);
  play.now += 1s;
  EXPECT_THAT(play.tick().starts, IsEmpty());
  EXPECT_EQ(play.scheduler.next_tick(), std::nullopt);
}

// ---- the way there ----------------------------------------------------------------------------

TEST(Agents, its_window_has_the_lag_in_it_twice) {
  for (const auto& [lag, mean, window] : std::vector<std::tuple<Duration, Duration, std::size_t>>{
           {0ms, 1ms, 4 + 8 * 4}, {20ms, 1ms, 4 + 48 * 4}, {20ms, 100ms, 4 + 1}, {0ms, 100ms, 4}}) {
    Settings settings = one_agent();
    WorkerTable table(settings);
    table[0].life = Life::ready;
    table[0].concurrency = 4;
    table[0].lag = lag;
    table[0].mean_ns = static_cast<double>(Duration(mean).count());
    EXPECT_EQ(table.window(table[0]), window) << Duration(lag).count() << ' ' << mean.count();
  }
}

TEST(Agents, its_window_is_what_it_runs_at_once_while_its_calls_are_not_known) {
  Settings settings = one_agent();
  WorkerTable table(settings);
  table[0].lag = 10s;
  EXPECT_EQ(table.window(table[0]), 2u);
}

TEST(Agents, a_lag_that_makes_no_sense_is_cut_down_to_one_that_does) {
  for (const Duration lag : {Duration::min(), Duration(-1), Duration::max()}) {
    Play play(one_agent());
    play.submit(1);
    play.tell(WorkerReady{kAgent, false, 1, lag});
    EXPECT_GE(play.scheduler.workers()[0].lag, 0ns);
    EXPECT_LE(play.scheduler.workers()[0].lag, 1min);
    play.results(kAgent, play.tickets());
    EXPECT_GT(play.submit(10).assigned.size(), 1u);
  }
}

TEST(Agents, one_that_is_far_away_is_silent_for_longer_before_it_is_asked_for_what_it_holds) {
  Play play({.max_workers = 2, .agents = {1}});
  play.submit(2);
  play.ready(kLocal);
  const std::vector<Ticket> here = play.tickets();
  play.tell(WorkerReady{kSecond, false, 1, 50ms});
  const std::vector<Ticket> there = play.tickets();
  play.results(kLocal, here);
  play.results(kSecond, there);
  play.submit(8);
  play.results(kLocal, play.tickets_for(kLocal));
  ASSERT_GT(play.scheduler.workers()[1].held, 1u);
  play.now += 10ms;
  EXPECT_THAT(play.tick().take_backs, IsEmpty());
  play.now += 50ms;
  EXPECT_THAT(play.tick().take_backs, SizeIs(1));
}

TEST(Agents, no_more_is_handed_over_than_waits) {
  Play play({.max_workers = 2, .agents = {2}});
  play.submit(1);
  play.ready(kSecond);
  play.results(kSecond, play.tickets());
  // A worker is coming, so that the agent gets its share and then another.
  EXPECT_THAT(play.submit(6).assigned, SizeIs(6));
  EXPECT_EQ(play.scheduler.queued(), 0u);
  EXPECT_EQ(play.scheduler.held(), 6u);
}

// ---- what it gives back, and what is lost with it ----------------------------------------------

TEST(Agents, what_it_gives_back_goes_first_again_in_order_without_an_attempt_counted) {
  AtAgent play(2);
  play.submit(1);
  play.tell(WorkerLeaves{kAgent});
  play.results(kAgent, play.held, {How::recalled, How::recalled});
  EXPECT_THAT(play.ended(), IsEmpty());
  EXPECT_THAT(play.out.again, SizeIs(2));
  play.gone(kAgent);
  play.now += 1s;
  play.tick();
  play.tell(WorkerReady{{0, 2}, false, 3});
  EXPECT_THAT(play.assigned(), ElementsAre(0, 1, 2));
  EXPECT_EQ(play.out.assigned.at(0).attempt, 1u);
}

TEST(Agents, all_that_it_held_counts_as_begun_when_it_is_gone_but_what_it_gave_back) {
  AtAgent play(3, {.on_death = OnDeath::retry, .max_attempts = 2});
  play.tell(WorkerLeaves{kAgent});
  play.results(kAgent, {play.held[1]}, {How::recalled});
  play.gone(kAgent, {play.held[0], play.held[2]});
  play.now += 1s;
  play.tick();
  play.tell(WorkerReady{{0, 2}, false, 3});
  std::vector<std::pair<TaskId, std::uint32_t>> attempts;
  for (const AssignedTask& task : play.out.assigned)
    attempts.emplace_back(task_of(task.ticket), task.attempt);
  EXPECT_THAT(attempts, ElementsAre(Pair(0, 2), Pair(2, 2), Pair(1, 1)));
}

TEST(Agents, a_call_whose_worker_died_there_ends_with_that_result) {
  AtAgent play(1);
  play.results(kAgent, play.held, {How::died});
  ASSERT_THAT(play.ended(), ElementsAre(Pair(0, Why::result)));
  EXPECT_EQ(play.out.ends[0].attempt, 1u);
  EXPECT_EQ(play.scheduler.broken(), std::nullopt);
}

TEST(Agents, with_retry_a_call_whose_worker_died_there_begins_again_until_max_attempts) {
  AtAgent play(1, {.on_death = OnDeath::retry, .max_attempts = 3});
  for (std::uint32_t attempt = 2; attempt <= 3; ++attempt) {
    play.results(kAgent, play.held, {How::died});
    EXPECT_THAT(play.out.again, ElementsAre(0));
    play.held = play.tickets();
    ASSERT_THAT(play.held, SizeIs(1));
    EXPECT_EQ(play.out.assigned[0].attempt, attempt);
  }
  play.results(kAgent, play.held, {How::died});
  ASSERT_THAT(play.ended(), ElementsAre(Pair(0, Why::result)));
  EXPECT_EQ(play.out.ends[0].attempt, 3u);
}

TEST(Agents, attempts_elsewhere_count) {
  Play play({.max_workers = 1, .on_death = OnDeath::retry, .max_attempts = 3});
  const NewTask task{.task = 0, .begun = 2};
  play.tell(TasksArrived{{&task, 1}});
  play.ready({0, 1});
  EXPECT_EQ(play.out.assigned.at(0).attempt, 3u);
  play.gone({0, 1}, play.tickets());
  EXPECT_THAT(play.ended(), ElementsAre(Pair(0, Why::worker_died)));
}

TEST(Agents, after_terminate_a_call_whose_worker_died_there_is_not_tried_again) {
  AtAgent play(1, {.on_death = OnDeath::retry});
  play.tell(TerminateAsked{});
  play.results(kAgent, play.held, {How::died});
  EXPECT_THAT(play.ended(), ElementsAre(Pair(0, Why::result)));
}

TEST(Agents, a_result_that_comes_after_the_call_was_cancelled_is_dropped_and_frees_its_place) {
  AtAgent play(2);
  EXPECT_THAT(play.cancel(1).ends, SizeIs(1));
  EXPECT_THAT(play.submit(1).assigned, IsEmpty()) << "it may run there";
  EXPECT_THAT(play.results(kAgent, {play.held[1]}).ends, IsEmpty());
  EXPECT_THAT(play.assigned(), ElementsAre(2));
}

TEST(Agents, who_holds_a_call_is_known_while_it_does) {
  AtAgent play(1);
  EXPECT_EQ(play.scheduler.holder_of(play.held[0]), kAgent);
  EXPECT_EQ(play.scheduler.holder_of(make_ticket(0, 4711)), std::nullopt);
  EXPECT_EQ(play.scheduler.holder_of(make_ticket(7, 1)), std::nullopt);
  play.results(kAgent, play.held);
  EXPECT_EQ(play.scheduler.holder_of(play.held[0]), std::nullopt);
}

TEST(Agents, time_limits_are_kept_there_and_nothing_is_stopped_from_here) {
  Play play(one_agent());
  const NewTask task{.task = 0, .timeout = 1s};
  play.tell(TasksArrived{{&task, 1}});
  play.ready(kAgent);
  for (int i = 0; i < 3; ++i) {
    play.now += 1s;
    ASSERT_THAT(play.tick().looks, ElementsAre(kAgent));
    EXPECT_THAT(play.tell(WorkerSeen{kAgent, {}}).stops, IsEmpty());
  }
}

// ---- leaving ----------------------------------------------------------------------------------

TEST(Agents, one_that_wants_to_go_is_given_nothing_more_and_goes_when_it_holds_nothing) {
  AtAgent play(3);
  play.submit(1);
  play.tell(WorkerLeaves{kAgent});
  ASSERT_THAT(play.out.take_backs, SizeIs(1));
  EXPECT_THAT(play.out.take_backs[0].tasks, SizeIs(3)) << "what of it has begun, it knows";
  EXPECT_THAT(play.out.drains, IsEmpty());
  play.results(kAgent, {play.held[1], play.held[2]}, {How::recalled, How::returned});
  EXPECT_THAT(play.out.assigns, IsEmpty());
  EXPECT_THAT(play.out.drains, IsEmpty());
  EXPECT_THAT(refs(play.results(kAgent, {play.held[0]}).drains), ElementsAre(kAgent));
}

TEST(Agents, one_that_wants_to_go_and_holds_nothing_goes_at_once) {
  AtAgent play(1);
  play.results(kAgent, play.held);
  EXPECT_THAT(refs(play.tell(WorkerLeaves{kAgent}).drains), ElementsAre(kAgent));
  EXPECT_THAT(play.tell(WorkerLeaves{kAgent}).drains, IsEmpty());
  EXPECT_THAT(play.tell(WorkerLeaves{{0, 7}}).drains, IsEmpty());
}

TEST(Agents, one_that_wants_to_go_before_its_hello_is_read_gets_nothing) {
  Play play(one_agent());
  play.submit(1);
  EXPECT_THAT(play.tell(WorkerLeaves{kAgent}).drains, IsEmpty());
  EXPECT_THAT(play.ready(kAgent).assigns, IsEmpty());
  EXPECT_THAT(refs(play.out.drains), ElementsAre(kAgent));
  play.gone(kAgent);
  play.now += 1s;
  play.tick();
  EXPECT_THAT(play.ready({0, 2}).assigns, SizeIs(1)) << "the next one does not want to go";
}

TEST(Agents, one_that_left_as_it_wanted_breaks_nothing) {
  AtAgent play(1, {.on_death = OnDeath::break_pool});
  play.results(kAgent, play.held);
  play.tell(WorkerLeaves{kAgent});
  play.gone(kAgent);
  EXPECT_EQ(play.scheduler.broken(), std::nullopt);
}

TEST(Agents, max_tasks_per_worker_and_max_worker_rss_are_for_its_own_workers) {
  AtAgent play(2, {.max_tasks_per_worker = 1, .max_worker_rss = 1000});
  play.tell(ResultsArrived{kAgent, play.held, {}, Play::kShort, 1001});
  EXPECT_THAT(play.out.drains, IsEmpty());
  EXPECT_THAT(play.submit(2).assigned, SizeIs(2));
}

// ---- the end ----------------------------------------------------------------------------------

TEST(Agents, at_the_end_one_that_has_not_come_is_not_waited_for) {
  Play play({.max_workers = 2, .agents = {1}});
  play.submit(1);
  play.ready(kLocal);
  play.results(kLocal, play.tickets());
  EXPECT_THAT(refs(play.shut_down().drains), ElementsAre(kLocal, kSecond));
  play.gone(kLocal);
  play.fail_start(kSecond, "was killed");
  EXPECT_TRUE(play.scheduler.finished());
  EXPECT_EQ(play.scheduler.broken(), std::nullopt);
}

TEST(Agents, one_that_was_sent_away_before_it_came_is_no_reason_to_break_the_pool) {
  Play play(one_agent({.max_fruitless = 1}));
  play.submit(1);
  play.cancel(0);
  EXPECT_THAT(refs(play.shut_down().drains), ElementsAre(kAgent));
  play.tell(StartFailed{kAgent, "was killed", true});
  EXPECT_EQ(play.scheduler.broken(), std::nullopt);
  EXPECT_TRUE(play.scheduler.finished());
}

TEST(Agents, one_that_may_have_work_yet_is_waited_for) {
  Play play(one_agent());
  play.submit(1);
  EXPECT_THAT(play.shut_down().drains, IsEmpty());
  EXPECT_THAT(play.ready(kAgent).assigned, SizeIs(1));
}

TEST(Agents, an_agent_that_cannot_start_after_shutdown_backs_off_and_is_given_up_as_before) {
  Play play(one_agent({.max_fruitless = 3}));
  play.submit(1);
  play.shut_down();
  for (std::uint32_t life = 1; life <= 2; ++life) {
    EXPECT_THAT(play.fail_start({0, life}).starts, IsEmpty()) << "not at once";
    play.now += 2s;
    ASSERT_THAT(play.tick().starts, SizeIs(1));
  }
  play.fail_start({0, 3});
  EXPECT_THAT(play.ended(), ElementsAre(Pair(0, Why::broken)));
  EXPECT_TRUE(play.scheduler.finished());
}

TEST(Agents, one_that_went_by_itself_during_the_shutdown_backs_off_while_work_is_left) {
  AtAgent play(1);
  play.submit(1);
  play.tell(WorkerLeaves{kAgent});
  play.shut_down();
  play.results(kAgent, play.held);
  EXPECT_THAT(play.gone(kAgent).starts, IsEmpty());
  play.now += 1s;
  EXPECT_THAT(play.tick().starts, SizeIs(1));
}

TEST(Agents, a_pool_that_ends_while_an_agent_backs_off_is_finished) {
  Play play(one_agent());
  play.submit(1);
  play.fail_start(kAgent);
  play.cancel(0);
  play.shut_down();
  EXPECT_TRUE(play.scheduler.finished());
}

TEST(Agents, a_host_that_is_given_up_does_not_keep_the_pool_from_its_end) {
  Play play({.max_workers = 2, .agents = {1}});
  play.submit(1);
  play.tell(StartFailed{kSecond, "no such host", true});
  play.ready(kLocal);
  play.results(kLocal, play.tickets());
  play.shut_down();
  play.gone(kLocal);
  EXPECT_TRUE(play.scheduler.finished());
}

}  // namespace
}  // namespace flagship::core
