// SPDX-License-Identifier: MIT
// What a pool does with calls and workers that take too much: time, memory, turns.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <flagship/flagship.hpp>
#include <fstream>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/census.hpp"
#include "tests/support/gate.hpp"
#include "tests/support/patience.hpp"

namespace {

using namespace flagship;
using namespace flagship::test;
using namespace std::chrono_literals;
using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

// ---- tasks ------------------------------------------------------------------------------------

int twice(int x) { return 2 * x; }
pid_t worker_pid() { return getpid(); }
int hold_at(const std::string& gate) {
  pass(gate);
  return 1;
}
void write_pid(const std::string& file) {
  std::ofstream(file + ".part") << getpid();
  std::rename((file + ".part").c_str(), file.c_str());
}
void hang(const std::string& file) {
  write_pid(file);
  for (;;) pause();
}
void hang_and_ignore_sigterm(const std::string& file) {
  signal(SIGTERM, SIG_IGN);
  hang(file);
}
int hang_until_interrupted(const std::string& file) {
  const TaskContext context = TaskContext::current();
  write_pid(file);
  while (!context.interrupted()) pause();
  std::ofstream(file + ".tidy") << "tidied up";
  return 1;
}
int attempts_needed(const std::string& file) {
  const int attempt = TaskContext::current().attempt();
  if (counted(file) < 2) {
    count_up(file);
    raise(SIGKILL);
  }
  return attempt;
}
std::int64_t time_left_ms() {
  const auto deadline = TaskContext::current().deadline();
  if (!deadline) return -1;
  return std::chrono::ceil<std::chrono::milliseconds>(*deadline - std::chrono::steady_clock::now())
      .count();
}
pid_t leak(std::size_t bytes) {
  static std::vector<std::string> kept;
  kept.emplace_back(bytes, 'x');
  return getpid();
}
std::uint64_t soft_limit(int resource) {
  rlimit limit{};
  getrlimit(static_cast<__rlimit_resource>(resource), &limit);
  return limit.rlim_cur;
}
std::size_t allocate(std::size_t bytes) {
  const std::vector<char> memory(bytes, 'x');
  return memory.size();
}
void fill(const std::string& file, std::size_t bytes) {
  std::ofstream out(file);
  out << std::string(bytes, 'x') << std::flush;
}

// ---- their beginnings and ends ----------------------------------------------------------------

pid_t pid_in(const std::string& file) {
  pid_t pid = 0;
  EXPECT_TRUE(wait_until([&] { return static_cast<bool>(std::ifstream(file) >> pid); }));
  return pid;
}
bool exists(const std::string& file) { return std::ifstream(file).good(); }
bool starts_within_patience(const AnyFuture& future) {
  return wait_until([&] { return future.running(); });
}

// ---- interrupt --------------------------------------------------------------------------------

TEST(Interrupt, stops_a_running_call_and_only_that_one) {
  const Folder folder;
  const Gate gate;
  ProcessPoolExecutor pool({.max_workers = 2});
  Future<void> hanging = pool.submit<hang>(folder.path("hanging"));
  const Future<int> other = pool.submit<hold_at>(gate.path());
  const pid_t pid = pid_in(folder.path("hanging"));
  ASSERT_TRUE(starts_within_patience(other));
  EXPECT_TRUE(hanging.interrupt());
  EXPECT_TRUE(hanging.cancelled());
  EXPECT_THROW(hanging.result(), CancelledError);
  EXPECT_TRUE(hanging.interrupt()) << "again";
  EXPECT_EQ(hanging.try_outcome()->ending, Ending::cancelled);
  EXPECT_TRUE(wait_until([&] { return is_gone(pid); }));
  gate.open();
  EXPECT_EQ(other.result(kPatience), 1);
  EXPECT_EQ(pool.submit<twice>(4).result(kPatience), 8);
  EXPECT_EQ(pool.status().deaths, 0u) << "it was asked to go";
}

TEST(Interrupt, of_a_call_that_waits_is_a_cancel_and_of_one_that_ended_nothing) {
  const Gate gate;
  ProcessPoolExecutor pool({.max_workers = 1});
  Future<int> first = pool.submit<hold_at>(gate.path());
  ASSERT_TRUE(starts_within_patience(first));
  Future<int> second = pool.submit<twice>(1);
  EXPECT_TRUE(second.interrupt());
  EXPECT_TRUE(second.cancelled());
  gate.open();
  EXPECT_EQ(first.result(kPatience), 1);
  EXPECT_FALSE(first.interrupt());
  EXPECT_FALSE(first.cancelled());
}

TEST(Interrupt, of_a_call_in_a_thread_is_refused_once_it_runs) {
  const Gate gate;
  ThreadPoolExecutor threads({.max_workers = 1});
  Future<int> future = threads.submit<hold_at>(gate.path());
  ASSERT_TRUE(starts_within_patience(future));
  EXPECT_FALSE(future.interrupt());
  gate.open();
  EXPECT_EQ(future.result(kPatience), 1);
}

TEST(Interrupt, who_ignores_sigterm_is_killed_after_the_grace) {
  const Folder folder;
  ProcessPoolExecutor pool({.max_workers = 1, .interrupt_grace = 30ms});
  Future<void> hanging = pool.submit<hang_and_ignore_sigterm>(folder.path("hanging"));
  const pid_t pid = pid_in(folder.path("hanging"));
  EXPECT_TRUE(hanging.interrupt());
  EXPECT_TRUE(wait_until([&] { return is_gone(pid); }));
  EXPECT_EQ(pool.submit<twice>(4).result(kPatience), 8);
}

TEST(Interrupt, what_the_worker_held_and_had_not_begun_runs_elsewhere) {
  const Folder folder;
  ProcessPoolExecutor pool({.max_workers = 1});
  for (int i = 0; i < 50; ++i) pool.submit<twice>(i).result();  // short: some are handed over ahead
  Future<void> hanging = pool.submit<hang>(folder.path("hanging"));
  std::vector<Future<int>> behind;
  for (int i = 0; i < 100; ++i) behind.push_back(pool.submit<twice>(i));
  pid_in(folder.path("hanging"));
  EXPECT_TRUE(hanging.interrupt());
  for (int i = 0; i < 100; ++i)
    EXPECT_EQ(behind[static_cast<std::size_t>(i)].result(kPatience), 2 * i);
}

TEST(Interrupt, does_not_break_a_pool_that_deaths_break) {
  const Folder folder;
  ProcessPoolExecutor pool({.max_workers = 2, .on_worker_death = OnWorkerDeath::break_pool});
  Future<void> hanging = pool.submit<hang>(folder.path("hanging"));
  const pid_t pid = pid_in(folder.path("hanging"));
  EXPECT_TRUE(hanging.interrupt());
  EXPECT_TRUE(wait_until([&] { return is_gone(pid); }));
  for (int i = 0; i < 10; ++i) EXPECT_EQ(pool.submit<twice>(4).result(kPatience), 8);
}

// From any thread, at any moment: each ends one way, and the pool is whole.
TEST(Interrupt, races_with_results_and_nothing_is_lost) {
  ProcessPoolExecutor pool({.max_workers = 2});
  for (int round = 0; round < 20; ++round) {
    std::vector<Future<int>> futures;
    for (int i = 0; i < 50; ++i) futures.push_back(pool.submit<twice>(i));
    std::thread canceller([&] {
      for (std::size_t i = 0; i < futures.size(); i += 10) futures[i].interrupt();
    });
    for (std::size_t i = 0; i < futures.size(); ++i) {
      try {
        EXPECT_EQ(futures[i].result(kPatience), 2 * static_cast<int>(i));
      } catch (const CancelledError&) {
        EXPECT_EQ(i % 10, 0u);
      }
    }
    canceller.join();
  }
}

// ---- time limits ------------------------------------------------------------------------------

TEST(TimeLimit, a_call_that_runs_too_long_ends_with_task_timeout_and_its_worker_is_replaced) {
  const Folder folder;
  ProcessPoolExecutor pool({.max_workers = 1, .task_timeout = 100ms});
  const Future<void> hanging = pool.submit<hang>(folder.path("hanging"));
  try {
    hanging.result(kPatience);
    FAIL() << "it has no end";
  } catch (const TaskTimeout& error) {
    EXPECT_THAT(error.what(), AllOf(HasSubstr("hang"), HasSubstr("100 ms")));
  }
  EXPECT_FALSE(hanging.cancelled());
  const pid_t pid = pid_in(folder.path("hanging"));
  const Outcome outcome = *hanging.try_outcome();
  EXPECT_EQ(outcome.ending, Ending::timed_out);
  EXPECT_EQ(outcome.pid, pid);
  EXPECT_EQ(outcome.worker, 0);
  EXPECT_TRUE(wait_until([&] { return is_gone(pid); }));
  EXPECT_NE(pool.submit<worker_pid>().result(kPatience), pid);
}

TEST(TimeLimit, of_one_call_goes_before_the_pools) {
  const Folder folder;
  ProcessPoolExecutor pool({.max_workers = 2, .task_timeout = 1h});
  const auto limited = pool.with({.timeout = 50ms}).submit<hang>(folder.path("hanging"));
  EXPECT_THROW(limited.result(kPatience), TaskTimeout);
  EXPECT_EQ(pool.with({.timeout = 2h}).submit<twice>(1).result(kPatience), 2);
}

TEST(TimeLimit, is_never_tried_again) {
  const Folder folder;
  ProcessPoolExecutor pool(
      {.max_workers = 1, .task_timeout = 50ms, .on_worker_death = OnWorkerDeath::retry});
  const auto future = pool.with({.retries = 5}).submit<hang>(folder.path("hanging"));
  EXPECT_THROW(future.result(kPatience), TaskTimeout);
  EXPECT_EQ(future.try_outcome()->attempt, 1);
}

TEST(TimeLimit, what_makes_no_sense_is_an_invalid_argument) {
  EXPECT_THROW(ProcessPoolExecutor({.task_timeout = -1s}), std::invalid_argument);
  EXPECT_THROW(ProcessPoolExecutor({.interrupt_grace = -1s}), std::invalid_argument);
  EXPECT_THROW(ProcessPoolExecutor({.idle_timeout = -1s}), std::invalid_argument);
  EXPECT_THROW(ProcessPoolExecutor({.max_tasks_per_worker = -1}), std::invalid_argument);
  ProcessPoolExecutor pool({.max_workers = 1});
  EXPECT_THROW(pool.with({.timeout = -1s}), std::invalid_argument);
  EXPECT_THROW(pool.with({.retries = -1}), std::invalid_argument);
}

// ---- what a task knows of itself --------------------------------------------------------------

TEST(TaskContext, tells_a_task_that_it_is_interrupted_and_gives_it_time_to_tidy_up) {
  const Folder folder;
  ProcessPoolExecutor pool({.max_workers = 1, .interrupt_grace = kPatience});
  Future<int> hanging = pool.submit<hang_until_interrupted>(folder.path("hanging"));
  const pid_t pid = pid_in(folder.path("hanging"));
  EXPECT_TRUE(hanging.interrupt());
  EXPECT_TRUE(wait_until([&] { return is_gone(pid); }));
  EXPECT_TRUE(exists(folder.path("hanging.tidy")));
  EXPECT_THROW(hanging.result(), CancelledError) << "what it returned is dropped";
}

TEST(TaskContext, tells_a_task_that_its_workers_are_terminated) {
  const Folder folder;
  ProcessPoolExecutor pool({.max_workers = 1, .interrupt_grace = kPatience});
  const Future<int> hanging = pool.submit<hang_until_interrupted>(folder.path("hanging"));
  pid_in(folder.path("hanging"));
  pool.terminate_workers();
  EXPECT_TRUE(wait_until([&] { return exists(folder.path("hanging.tidy")); }));
}

TEST(TaskContext, counts_attempts_whose_worker_died) {
  const Folder folder;
  ProcessPoolExecutor pool({.max_workers = 1, .on_worker_death = OnWorkerDeath::retry});
  EXPECT_EQ(pool.submit<attempts_needed>(folder.path("file")).result(kPatience), 3);
}

TEST(TaskContext, knows_the_deadline) {
  ProcessPoolExecutor pool({.max_workers = 1, .task_timeout = 1h});
  EXPECT_GT(pool.submit<time_left_ms>().result(kPatience), 3'500'000);
  const std::int64_t own = pool.with({.timeout = 30s}).submit<time_left_ms>().result(kPatience);
  EXPECT_GT(own, 0);
  EXPECT_LE(own, 30'000);
  ProcessPoolExecutor without({.max_workers = 1});
  EXPECT_EQ(without.submit<time_left_ms>().result(kPatience), -1);
}

TEST(TaskContext, outside_of_a_call_is_a_first_attempt_without_end) {
  const TaskContext context = TaskContext::current();
  EXPECT_EQ(context.attempt(), 1);
  EXPECT_FALSE(context.deadline());
  EXPECT_FALSE(context.interrupted());
}

// ---- workers that are replaced ----------------------------------------------------------------

TEST(Recycling, a_worker_is_replaced_after_as_many_tasks_as_it_may_do) {
  ProcessPoolExecutor pool({.max_workers = 1, .max_tasks_per_worker = 3});
  std::vector<pid_t> pids;
  for (int i = 0; i < 7; ++i) pids.push_back(pool.submit<worker_pid>().result(kPatience));
  EXPECT_EQ(std::set<pid_t>(pids.begin(), pids.begin() + 3), std::set<pid_t>{pids[0]});
  EXPECT_EQ(std::set<pid_t>(pids.begin() + 3, pids.begin() + 6), std::set<pid_t>{pids[3]});
  EXPECT_EQ(std::set<pid_t>(pids.begin(), pids.end()).size(), 3u);
  EXPECT_EQ(pool.status().deaths, 0u);
}

TEST(Recycling, no_task_of_a_backlog_is_stranded) {
  ProcessPoolExecutor pool({.max_workers = 2, .max_tasks_per_worker = 7});
  std::vector<Future<int>> futures;
  for (int i = 0; i < 200; ++i) futures.push_back(pool.submit<twice>(i));
  for (int i = 0; i < 200; ++i)
    EXPECT_EQ(futures[static_cast<std::size_t>(i)].result(kPatience), 2 * i);
}

TEST(Recycling, a_worker_that_has_grown_too_big_is_replaced) {
  ProcessPoolExecutor pool({.max_workers = 1, .max_worker_rss = 128 << 20});
  const pid_t first = pool.submit<leak>(std::size_t{1} << 20).result(kPatience);
  EXPECT_EQ(pool.submit<leak>(std::size_t{160} << 20).result(kPatience), first);
  EXPECT_NE(pool.submit<leak>(std::size_t{1} << 20).result(kPatience), first);
  EXPECT_EQ(pool.status().deaths, 0u);
}

TEST(Recycling, no_task_begins_in_a_worker_that_is_too_big) {
  ProcessPoolExecutor pool({.max_workers = 1, .max_worker_rss = 128 << 20});
  for (int i = 0; i < 50; ++i) pool.submit<twice>(i).result();  // short: some are handed over ahead
  const Future<pid_t> big = pool.submit<leak>(std::size_t{160} << 20);
  std::vector<Future<pid_t>> behind;
  for (int i = 0; i < 20; ++i) behind.push_back(pool.submit<worker_pid>());
  for (const auto& future : behind) EXPECT_NE(future.result(kPatience), big.result(kPatience));
}

TEST(Recycling, idle_workers_leave_and_new_ones_come_with_new_work) {
  ProcessPoolExecutor pool({.max_workers = 2, .idle_timeout = 20ms});
  EXPECT_EQ(pool.submit<twice>(1).result(kPatience), 2);
  EXPECT_TRUE(wait_until([&] { return pool.status().workers.empty(); }));
  EXPECT_EQ(pool.submit<twice>(2).result(kPatience), 4);
  EXPECT_EQ(pool.status().deaths, 0u);
}

TEST(Recycling, a_worker_that_works_is_not_idle) {
  const Gate gate;
  ProcessPoolExecutor pool({.max_workers = 2, .idle_timeout = 1ms});
  const Future<int> busy = pool.submit<hold_at>(gate.path());
  ASSERT_TRUE(starts_within_patience(busy));
  const pid_t pid = pool.status().workers.at(0).pid;
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(pool.submit<twice>(2).result(kPatience), 4);
    EXPECT_TRUE(wait_until([&] { return pool.status().workers.size() == 1; }));
  }
  EXPECT_EQ(pool.status().workers.at(0).pid, pid);
  gate.open();
  EXPECT_EQ(busy.result(kPatience), 1);
}

// ---- a shutdown that does not wait for ever ---------------------------------------------------

TEST(ShutdownDeadline, stops_what_still_runs_and_cancels_what_has_not_begun) {
  const Folder folder;
  ProcessPoolExecutor pool({.max_workers = 1});
  const Future<void> hanging = pool.submit<hang>(folder.path("hanging"));
  const Future<int> behind = pool.submit<twice>(1);
  pid_in(folder.path("hanging"));
  pool.shutdown({.deadline = 30ms});
  EXPECT_THROW(hanging.result(0s), WorkerDied);
  EXPECT_THROW(behind.result(0s), CancelledError);
}

TEST(ShutdownDeadline, kills_who_ignores_sigterm) {
  const Folder folder;
  ProcessPoolExecutor pool({.max_workers = 1, .interrupt_grace = 30ms});
  const Future<void> hanging = pool.submit<hang_and_ignore_sigterm>(folder.path("hanging"));
  pid_in(folder.path("hanging"));
  pool.shutdown({.deadline = 1ms});
  try {
    hanging.result(0s);
    FAIL() << "it has no end";
  } catch (const WorkerDied& died) {
    EXPECT_EQ(died.signal(), SIGKILL);
  }
}

TEST(ShutdownDeadline, does_not_matter_to_calls_that_end_before) {
  ProcessPoolExecutor pool({.max_workers = 2});
  std::vector<Future<int>> futures;
  for (int i = 0; i < 100; ++i) futures.push_back(pool.submit<twice>(i));
  pool.shutdown({.deadline = kPatience});
  for (int i = 0; i < 100; ++i) EXPECT_EQ(futures[static_cast<std::size_t>(i)].result(0s), 2 * i);
}

// ---- resource limits --------------------------------------------------------------------------

TEST(Limits, are_set_in_each_worker) {
  ProcessPoolExecutor pool({.max_workers = 1, .limits = {.cpu_seconds = 1000, .open_files = 100}});
  EXPECT_EQ(pool.submit<soft_limit>(RLIMIT_NOFILE).result(kPatience), 100u);
  EXPECT_EQ(pool.submit<soft_limit>(RLIMIT_CPU).result(kPatience), 1000u);
  EXPECT_EQ(pool.submit<soft_limit>(RLIMIT_CORE).result(kPatience), 0u);
  EXPECT_NE(soft_limit(RLIMIT_NOFILE), 100u) << "here nothing changes";
}

TEST(Limits, who_takes_more_memory_than_there_is_gets_bad_alloc) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "a sanitizer reserves more address space than that";
#endif
  ProcessPoolExecutor pool({.max_workers = 1, .limits = {.address_space = 512 << 20}});
  EXPECT_EQ(pool.submit<allocate>(std::size_t{1} << 20).result(kPatience), std::size_t{1} << 20);
  EXPECT_THROW(pool.submit<allocate>(std::size_t{1} << 30).result(kPatience), std::bad_alloc);
  EXPECT_EQ(pool.submit<twice>(3).result(kPatience), 6);
}

TEST(Limits, who_writes_too_much_dies_of_it_alone) {
  const Folder folder;
  ProcessPoolExecutor pool({.max_workers = 1, .limits = {.file_size = 1 << 20}});
  const Future<void> future = pool.submit<fill>(folder.path("big"), std::size_t{2} << 20);
  try {
    future.result(kPatience);
    FAIL() << "it was too much";
  } catch (const WorkerDied& died) {
    EXPECT_EQ(died.signal_name(), "SIGXFSZ");
  }
  EXPECT_EQ(pool.submit<twice>(3).result(kPatience), 6);
}

}  // namespace
