// SPDX-License-Identifier: MIT
// Section K: the end of executors. scripts/conformance_under_load runs this file many times.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <flagship/flagship.hpp>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "tests/conformance/executors.hpp"
#include "tests/conformance/leaving.hpp"
#include "tests/support/census.hpp"
#include "tests/support/endings.hpp"
#include "tests/support/gate.hpp"
#include "tests/support/patience.hpp"
#include "tests/support/tasks.hpp"

namespace flagship::test {
namespace {

struct Unwritable {};
int take_unwritable(const Unwritable&) { return 1; }

}  // namespace
}  // namespace flagship::test

template <>
struct flagship::serializer<flagship::test::Unwritable> {
  static void write(Writer&, const test::Unwritable&) {
    throw std::runtime_error("will not be written");
  }
  static test::Unwritable read(Reader&) { return {}; }
};

namespace flagship::test {
namespace {

using namespace std::chrono_literals;
using testing::IsEmpty;

int for_ever_with(int) {
  for_ever();
  return 0;
}

TEST_P(ConformanceEverywhere, K01_K07_calls_after_shutdown_are_refused_and_it_may_be_repeated) {
  const auto executor = make();
  executor->submit<nothing>();
  for (int i = 0; i < 3; ++i) executor->shutdown();
  EXPECT_THROW(executor->map<square>(std::vector{1, 2}), ShutdownError);
  try {
    executor->submit<nothing>();
    ADD_FAILURE() << "it was accepted";
  } catch (const ShutdownError& error) {
    EXPECT_STREQ(error.what(), "cannot schedule new futures after shutdown");
  }
}

TEST_P(ConformanceEverywhere, K02_K09_shutdown_returns_after_all_work_and_results_stay) {
  const auto executor = make(2);
  std::vector<Future<int>> futures;
  for (int i = 0; i < 100; ++i) futures.push_back(executor->submit<square>(i));
  executor->shutdown();
  EXPECT_THAT(child_processes(), IsEmpty());
  for (int i = 0; i < 100; ++i) EXPECT_EQ(futures[static_cast<std::size_t>(i)].result(0s), i * i);
}

TEST_P(ConformancePools, K03_shutdown_without_wait_returns_while_calls_run_and_they_end) {
  Gate gate;
  const auto executor = make(1);
  const Future<int> running = executor->submit<wait_at>(gate.path(), 1);
  const Future<int> waiting = executor->submit<square>(5);
  executor->shutdown({.wait = false});
  EXPECT_FALSE(running.done());
  EXPECT_THROW(executor->submit<nothing>(), ShutdownError);
  gate.open();
  EXPECT_EQ(running.result(kPatience), 1);
  EXPECT_EQ(waiting.result(kPatience), 25);
}

TEST_P(ConformancePools, K04_K05_shutdown_with_cancel_cancels_what_has_not_begun_and_nothing_else) {
  Gate gate;
  const auto executor = make(2);
  std::vector<Future<int>> running, waiting;
  for (int i = 0; i < 2; ++i) running.push_back(executor->submit<wait_at>(gate.path(), i));
  wait_for_running(running);
  for (int i = 0; i < 50; ++i) waiting.push_back(executor->submit<square>(i));
  executor->shutdown({.wait = false, .cancel_futures = true});
  for (const Future<int>& future : waiting)
    EXPECT_THROW(future.exception(kPatience), CancelledError);
  for (const Future<int>& future : running) EXPECT_FALSE(future.done());
  gate.open();
  executor->shutdown();
  for (int i = 0; i < 2; ++i) EXPECT_EQ(running[static_cast<std::size_t>(i)].result(0s), i);
}

TEST_P(ConformancePools, K06_shutdown_with_cancel_and_without_wait_leaves_no_future_pending) {
  std::vector<Future<int>> futures;
  {
    auto executor = make(2);
    for (int i = 0; i < 200; ++i) futures.push_back(executor->submit<square>(i));
    executor->shutdown({.wait = false, .cancel_futures = true});
    executor.let_go();
  }
  for (const Future<int>& future : futures) EXPECT_TRUE(future.done());
}

TEST_P(ConformancePools, K07_every_shutdown_waits_also_when_several_threads_call_it) {
  Gate gate;
  const auto executor = make(2);
  std::vector<Future<int>> futures;
  for (int i = 0; i < 4; ++i) futures.push_back(executor->submit<wait_at>(gate.path(), i));
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      executor->shutdown();
      for (const Future<int>& future : futures) EXPECT_TRUE(future.done());
    });
  }
  gate.open();
  for (std::thread& thread : threads) thread.join();
}

TEST_P(ConformanceEverywhere, K08_leaving_its_scope_by_an_exception_waits_and_lets_it_through) {
  std::vector<Future<int>> futures;
  EXPECT_THROW(
      {
        const auto executor = make(2);
        for (int i = 0; i < 20; ++i) futures.push_back(executor->submit<square>(i));
        throw std::out_of_range("in the scope");
      },
      std::out_of_range);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(futures[static_cast<std::size_t>(i)].result(0s), i * i);
}

TEST_P(ConformanceEverywhere, K10_the_destructor_lets_submitted_work_finish) {
  std::vector<Future<int>> futures;
  auto executor = make(2);
  for (int i = 0; i < 100; ++i) futures.push_back(executor->submit<square>(i));
  executor.let_go();
  for (int i = 0; i < 100; ++i) EXPECT_EQ(futures[static_cast<std::size_t>(i)].result(0s), i * i);
}

TEST_F(ConformanceProcesses, K11_shutdown_of_a_full_pool_without_workers_does_not_hang) {
  Gate gate;
  ProcessPoolExecutor pool({.max_workers = 2});
  std::vector<Future<int>> futures;
  for (int i = 0; i < 300; ++i) futures.push_back(pool.submit<wait_at>(gate.path(), i));
  ASSERT_TRUE(wait_until([&] { return pool.status().running == 2; }));
  for (const pid_t pid : worker_pids(pool)) kill(pid, SIGKILL);
  gate.open();
  pool.shutdown();
  int died = 0;
  for (const Future<int>& future : futures) {
    EXPECT_TRUE(future.done());
    died += future.exception(0s) != nullptr ? 1 : 0;
  }
  EXPECT_LE(died, 2);
}

TEST_P(ConformancePools, K12_shutdown_right_after_submit_and_cancel_does_not_hang) {
  for (int i = 0; i < 3; ++i) {
    const auto executor = make(1);
    Future<int> future = executor->submit<square>(3);
    const bool cancelled = future.cancel();
    executor->shutdown();
    EXPECT_TRUE(future.done());
    EXPECT_EQ(future.cancelled(), cancelled);
  }
}

TEST_F(ConformanceProcesses, K13_a_worker_that_dies_after_shutdown_was_called_does_not_block_it) {
  ProcessPoolExecutor pool({.max_workers = 1});
  const Future<void> running = pool.submit<for_ever>();
  const Future<int> waiting = pool.submit<square>(5);
  ASSERT_TRUE(wait_until([&] { return running.running(); }));
  const pid_t pid = worker_pids(pool).at(0);
  pool.shutdown({.wait = false});
  kill(pid, SIGKILL);
  pool.shutdown();
  EXPECT_TRUE(ended_with<WorkerDied>(running));
  EXPECT_EQ(waiting.result(0s), 25);
}

TEST_F(ConformanceProcesses, K14_shutdown_after_a_call_that_cannot_be_written_does_not_hang) {
  ProcessPoolExecutor pool({.max_workers = 1});
  const Future<int> bad = pool.submit<take_unwritable>(Unwritable());
  const Future<int> good = pool.submit<square>(5);
  pool.shutdown({.wait = false});
  EXPECT_EQ(message_of(bad.exception(kPatience)), "will not be written");
  EXPECT_EQ(good.result(kPatience), 25);
}

TEST_P(ConformancePools, K15_shutdown_never_interrupts_what_runs) {
  Gate gate;
  const auto executor = make(1);
  const Future<int> running = executor->submit<wait_at>(gate.path(), 7);
  ASSERT_TRUE(wait_until([&] { return running.running(); }));
  executor->shutdown({.wait = false, .cancel_futures = true});
  EXPECT_TRUE(running.running());
  gate.open();
  EXPECT_EQ(running.result(kPatience), 7);
}

TEST_F(ConformanceProcesses, K15_unless_it_has_a_deadline_when_that_is_over) {
  ProcessPoolExecutor pool({.max_workers = 1});
  const Future<void> running = pool.submit<for_ever>();
  const Future<int> waiting = pool.submit<square>(3);
  ASSERT_TRUE(wait_until([&] { return running.running(); }));
  pool.shutdown({.deadline = kSoon});
  EXPECT_TRUE(ended_with<WorkerDied>(running));
  EXPECT_TRUE(waiting.cancelled());
  EXPECT_THAT(child_processes(), IsEmpty());
}

TEST_F(ConformanceProcesses, K16_after_a_timeout_of_map_a_deadline_ends_what_would_run_on) {
  ProcessPoolExecutor pool({.max_workers = 2});
  auto results = pool.map<for_ever_with>(std::vector{1, 2, 3}, MapOptions{.timeout = kSoon});
  EXPECT_THROW(*results.begin(), TimeoutError);
  pool.shutdown({.deadline = kSoon});
}

TEST_F(ConformanceProcesses, K16_after_a_timeout_of_map_kill_workers_ends_what_would_run_on) {
  ProcessPoolExecutor pool({.max_workers = 2});
  auto results = pool.map<for_ever_with>(std::vector{1, 2, 3}, MapOptions{.timeout = kSoon});
  EXPECT_THROW(*results.begin(), TimeoutError);
  pool.kill_workers();
  pool.shutdown();
}

TEST_F(ConformanceProcesses, K17_shutdown_without_wait_and_then_exit_ends_what_runs_first) {
  expect_to_leave("no-wait", "processes", {"1", "2", "3"});
}
TEST_F(ConformanceThreads, K17_shutdown_without_wait_and_then_exit_ends_what_runs_first) {
  expect_to_leave("no-wait", "threads", {"1", "2", "3"});
}
TEST_F(ConformanceProcesses, K06_shutdown_with_cancel_and_then_exit_ends_only_what_runs) {
  expect_to_leave("cancel", "processes", {"1", "cancelled", "cancelled"});
}
TEST_F(ConformanceThreads, K06_shutdown_with_cancel_and_then_exit_ends_only_what_runs) {
  expect_to_leave("cancel", "threads", {"1", "cancelled", "cancelled"});
}

}  // namespace
}  // namespace flagship::test
