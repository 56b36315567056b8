// SPDX-License-Identifier: MIT
// Section J: workers that are replaced after some calls.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <flagship/flagship.hpp>
#include <set>
#include <stdexcept>
#include <vector>

#include "tests/conformance/executors.hpp"
#include "tests/support/endings.hpp"
#include "tests/support/gate.hpp"
#include "tests/support/patience.hpp"
#include "tests/support/tasks.hpp"

namespace flagship::test {
namespace {

using namespace std::chrono_literals;
using testing::SizeIs;

TEST_F(ConformanceProcesses, J01_a_worker_is_replaced_after_so_many_calls) {
  ProcessPoolExecutor pool({.max_workers = 1, .max_tasks_per_worker = 3});
  std::vector<pid_t> pids;
  for (int i = 0; i < 9; ++i) pids.push_back(pool.submit<own_pid>().result(kPatience));
  for (std::size_t i = 0; i < 9; ++i) EXPECT_EQ(pids[i], pids[i - i % 3]);
  EXPECT_THAT(std::set<pid_t>(pids.begin(), pids.end()), SizeIs(3));
  EXPECT_EQ(pool.status().deaths, 0u) << "nobody died";
}

TEST_F(ConformanceProcesses, J02_a_negative_number_of_calls_is_an_invalid_argument) {
  EXPECT_THROW(ProcessPoolExecutor({.max_workers = 1, .max_tasks_per_worker = -1}),
               std::invalid_argument);
}

TEST_F(ConformanceProcesses, J05_a_backlog_that_outlives_all_first_workers_is_done_in_full) {
  ProcessPoolExecutor pool({.max_workers = 2, .max_tasks_per_worker = 2});
  std::vector<Future<int>> futures;
  for (int i = 0; i < 50; ++i) futures.push_back(pool.submit<square>(i));
  for (int i = 0; i < 50; ++i)
    EXPECT_EQ(futures[static_cast<std::size_t>(i)].result(kPatience), i * i);
}

TEST_F(ConformanceProcesses, J06_shutdown_right_after_submit_runs_every_call) {
  ProcessPoolExecutor pool({.max_workers = 1, .max_tasks_per_worker = 1});
  std::vector<Future<int>> futures;
  for (int i = 0; i < 10; ++i) futures.push_back(pool.submit<square>(i));
  pool.shutdown();
  for (int i = 0; i < 10; ++i) EXPECT_EQ(futures[static_cast<std::size_t>(i)].result(0s), i * i);
}

TEST_F(ConformanceProcesses, J07_shutdown_without_wait_still_replaces_workers_for_what_waits) {
  Gate gate;
  ProcessPoolExecutor pool({.max_workers = 1, .max_tasks_per_worker = 1});
  std::vector<Future<int>> futures;
  for (int i = 0; i < 10; ++i) futures.push_back(pool.submit<wait_at>(gate.path(), i));
  pool.shutdown({.wait = false});
  gate.open();
  for (int i = 0; i < 10; ++i) EXPECT_EQ(futures[static_cast<std::size_t>(i)].result(kPatience), i);
}

TEST_F(ConformanceProcesses, J08_shutdown_without_wait_outlives_a_call_that_throws) {
  for (const bool last : {false, true}) {
    ProcessPoolExecutor pool({.max_workers = 1, .max_tasks_per_worker = 1});
    if (last) pool.submit<square>(2).result(kPatience);
    const Future<void> bad = pool.submit<throw_kind>("out_of_range");
    const Future<int> good = last ? Promise<int>().future() : pool.submit<square>(3);
    pool.shutdown({.wait = false});
    EXPECT_TRUE(ended_with<std::out_of_range>(bad));
    EXPECT_TRUE(last || good.result(kPatience) == 9);
  }
}

TEST_F(ConformanceProcesses, J10_workers_that_leave_while_the_pool_is_killed_are_not_replaced) {
  Gate gate;
  Folder folder;
  ProcessPoolExecutor pool({.max_workers = 1, .max_tasks_per_worker = 1});
  const Future<int> running = pool.submit<wait_at>(gate.path(), 1);
  std::vector<Future<int>> waiting;
  for (int i = 0; i < 10; ++i) waiting.push_back(pool.submit<count>(folder.path("ran")));
  ASSERT_TRUE(wait_until([&] { return running.running(); }));
  pool.kill_workers();
  EXPECT_TRUE(ended_with<WorkerDied>(running));
  for (const Future<int>& future : waiting)
    EXPECT_THROW(future.exception(kPatience), CancelledError);
  pool.shutdown();
  EXPECT_EQ(counted(folder.path("ran")), 0u);
}

}  // namespace
}  // namespace flagship::test
