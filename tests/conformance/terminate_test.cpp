// SPDX-License-Identifier: MIT
// Section L: terminate_workers and kill_workers.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <flagship/flagship.hpp>
#include <string>
#include <vector>

#include "tests/conformance/executors.hpp"
#include "tests/support/census.hpp"
#include "tests/support/endings.hpp"
#include "tests/support/gate.hpp"
#include "tests/support/patience.hpp"
#include "tests/support/tasks.hpp"

namespace flagship::test {
namespace {

using testing::HasSubstr;

int run_on_at(const std::string& gate, const std::string& file) {
  pass(gate);
  return count(file);
}

/// Says that it is there by a file, and is deaf to SIGTERM.
void be_deaf(const std::string& file) {
  signal(SIGTERM, SIG_IGN);
  count_up(file);
  for_ever();
}

pid_t start_child() {
  const pid_t child = fork();
  if (child == 0) for_ever();
  return child;
}

void stop(const ProcessPoolExecutor& pool, int signal) {
  if (signal == SIGTERM)
    pool.terminate_workers();
  else
    pool.kill_workers();
}

void expect_to_end_all(int signal, const std::string& name) {
  Gate gate;
  Folder folder;
  ProcessPoolExecutor pool({.max_workers = 2});
  std::vector<Future<int>> running, waiting;
  for (int i = 0; i < 2; ++i)
    running.push_back(pool.submit<run_on_at>(gate.path(), folder.path("ran on")));
  wait_for_running(running);
  for (int i = 0; i < 10; ++i) waiting.push_back(pool.submit<count>(folder.path("ran")));
  stop(pool, signal);
  EXPECT_THROW(pool.submit<nothing>(), ShutdownError);
  for (const Future<int>& future : running) {
    EXPECT_TRUE(ended_with<WorkerDied>(future));
    EXPECT_THAT(message_of(future.exception()), HasSubstr(name));
  }
  for (const Future<int>& future : waiting)
    EXPECT_THROW(future.exception(kPatience), CancelledError);
  gate.open();
  pool.shutdown();
  EXPECT_EQ(counted(folder.path("ran on")), 0u) << "what ran does not go on";
  EXPECT_EQ(counted(folder.path("ran")), 0u);
}

TEST_F(ConformanceProcesses, L01_L03_L04_terminate_workers_ends_what_runs_and_cancels_the_rest) {
  expect_to_end_all(SIGTERM, "SIGTERM");
}

TEST_F(ConformanceProcesses, L02_L03_L04_kill_workers_ends_what_runs_and_cancels_the_rest) {
  expect_to_end_all(SIGKILL, "SIGKILL");
}

TEST_F(ConformanceProcesses, L03_what_a_task_started_dies_with_its_workers_group) {
  ProcessPoolExecutor pool({.max_workers = 1});
  const pid_t grandchild = pool.submit<start_child>().result(kPatience);
  EXPECT_FALSE(is_gone(grandchild));
  pool.kill_workers();
  EXPECT_TRUE(wait_until([&] { return is_gone(grandchild); }));
}

TEST_F(ConformanceProcesses, L05_both_are_harmless_to_a_broken_pool) {
  for (const int signal : {SIGTERM, SIGKILL}) {
    ProcessPoolExecutor pool({.max_workers = 1, .on_worker_death = OnWorkerDeath::break_pool});
    EXPECT_TRUE(ended_with<WorkerDied>(pool.submit<die>()));
    ASSERT_TRUE(refuses_as_broken(pool));
    stop(pool, signal);
    EXPECT_TRUE(refuses_as_broken(pool));
  }
}

TEST_F(ConformanceProcesses, L06_without_workers_both_only_shut_the_pool_down) {
  for (const int signal : {SIGTERM, SIGKILL}) {
    ProcessPoolExecutor pool({.max_workers = 2});
    stop(pool, signal);
    EXPECT_THROW(pool.submit<nothing>(), ShutdownError);
  }
}

TEST_F(ConformanceProcesses, L08_they_do_not_wait_for_workers_to_be_gone) {
  Folder folder;
  ProcessPoolExecutor pool({.max_workers = 1});
  const Future<void> deaf = pool.submit<be_deaf>(folder.path("deaf"));
  ASSERT_TRUE(wait_until([&] { return counted(folder.path("deaf")) == 1; }));
  const pid_t worker = worker_pids(pool).at(0);
  pool.terminate_workers();
  EXPECT_FALSE(is_gone(worker)) << "it returned all the same";
  EXPECT_FALSE(deaf.done());
  pool.kill_workers();
  EXPECT_TRUE(ended_with<WorkerDied>(deaf));
}

}  // namespace
}  // namespace flagship::test
