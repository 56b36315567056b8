// SPDX-License-Identifier: MIT
// Section O: exits, forks, and what is left behind.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <flagship/flagship.hpp>
#include <memory>
#include <string>
#include <thread>
#include <type_traits>
#include <vector>

#include "tests/conformance/executors.hpp"
#include "tests/conformance/leaving.hpp"
#include "tests/support/census.hpp"
#include "tests/support/child.hpp"
#include "tests/support/endings.hpp"
#include "tests/support/patience.hpp"
#include "tests/support/tasks.hpp"

namespace flagship::test {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

// A sanitizer's runtime has locks and threads of its own, which do not survive a fork of a program
// with several threads.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kForkable = false;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
constexpr bool kForkable = false;
#else
constexpr bool kForkable = true;
#endif
#else
constexpr bool kForkable = true;
#endif
#define SKIP_UNLESS_FORKABLE() \
  if (!kForkable) GTEST_SKIP() << "the sanitizer does not survive a fork"

// ---- exits ------------------------------------------------------------------------------------

TEST_F(ConformanceProcesses, O01_work_of_a_pool_that_nobody_shut_down_is_done_before_the_exit) {
  expect_to_leave("leak", "processes", {"1", "2", "3"});
  expect_to_leave("static", "processes", {"1", "2", "3"});
}
TEST_F(ConformanceThreads, O01_work_of_a_pool_that_nobody_shut_down_is_done_before_the_exit) {
  expect_to_leave("leak", "threads", {"1", "2", "3"});
  expect_to_leave("static", "threads", {"1", "2", "3"});
}

const char* const kRefused = "cannot schedule new futures after shutdown";
TEST_F(ConformanceProcesses, O02_calls_during_the_exit_are_refused) {
  expect_to_leave("submit-at-exit", "processes", {"1", "2", "3", kRefused, kRefused});
}
TEST_F(ConformanceThreads, O02_calls_during_the_exit_are_refused) {
  expect_to_leave("submit-at-exit", "threads", {"1", "2", "3", kRefused, kRefused});
}

// ---- forks ------------------------------------------------------------------------------------

/// Its exit code, minus the signal that ended it, or a failure when it hangs.
int ending_of(pid_t child) {
  int status = 0;
  if (!wait_until([&] { return waitpid(child, &status, WNOHANG) == child; })) {
    ADD_FAILURE() << "the forked child hangs";
    kill(child, SIGKILL);
    waitpid(child, &status, 0);
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

/// In a forked child: 0 when the parent's pool is inert, its own works, and nothing hangs.
template <class Pool>
int use_pools(std::unique_ptr<Pool>& parents) {
  try {
    parents->template submit<square>(1);
    return 1;
  } catch (const BrokenExecutor& error) {
    if (std::string(error.what()).find("forked") == std::string::npos) return 2;
  }
  parents->shutdown();
  parents->kill_workers();
  if (!parents->status().workers.empty() || parents->status().running != 0) return 3;
  parents.reset();
  Pool own({.max_workers = 1});
  return own.template submit<square>(3).result(kPatience) == 9 ? 0 : 4;
}

/// Forks while other threads submit, and so hold the pool's locks now and then.
template <class Pool>
void expect_inert_in_forked_children() {
  auto pool = std::make_unique<Pool>(
      typename std::conditional_t<std::is_same_v<Pool, ThreadPoolExecutor>, ThreadPoolOptions,
                                  PoolOptions>{.max_workers = 2});
  pool->template submit<square>(1).result(kPatience);
  std::atomic<bool> done{false};
  std::vector<std::thread> callers;
  for (int t = 0; t < 2; ++t) {
    callers.emplace_back([&] {
      while (!done) pool->template submit<square>(1).result(kPatience);
    });
  }
  for (int i = 0; i < 20; ++i) {
    const pid_t child = fork();
    if (child == 0) _exit(use_pools(pool));
    EXPECT_EQ(ending_of(child), 0);
  }
  done = true;
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(pool->template submit<square>(3).result(kPatience), 9) << "the parent's is whole";
}

TEST_F(ConformanceProcesses, O04_O05_in_a_forked_child_the_parents_pool_is_inert) {
  SKIP_UNLESS_FORKABLE();
  expect_inert_in_forked_children<ProcessPoolExecutor>();
}
TEST_F(ConformanceThreads, O04_O05_in_a_forked_child_the_parents_pool_is_inert) {
  SKIP_UNLESS_FORKABLE();
  expect_inert_in_forked_children<ThreadPoolExecutor>();
}

TEST_F(ConformanceProcesses, O05_a_forked_child_does_not_decide_over_its_parents_calls) {
  SKIP_UNLESS_FORKABLE();
  const Gate gate;
  ProcessPoolExecutor pool({.max_workers = 1});
  Future<int> running = pool.submit<wait_at>(gate.path(), 1);
  Future<int> waiting = pool.submit<wait_at>(gate.path(), 2);
  ASSERT_TRUE(wait_until([&] { return running.running(); }));
  const pid_t child = fork();
  if (child == 0) {
    waiting.cancel();
    _exit(running.cancel() || running.interrupt() ? 1 : 0);
  }
  EXPECT_EQ(ending_of(child), 0);
  gate.open();
  EXPECT_EQ(running.result(kPatience), 1);
  EXPECT_EQ(waiting.result(kPatience), 2);
}

int fork_and_wait() {
  const pid_t child = fork();
  if (child == 0) std::exit(0);
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

TEST_P(ConformancePools, O05_a_process_that_a_task_forks_can_exit) {
  SKIP_UNLESS_FORKABLE();
  std::fflush(nullptr);  // or the child prints it again
  const auto executor = make(1);
  EXPECT_EQ(executor->submit<fork_and_wait>().result(kPatience), 0);
}

// ---- what is left -----------------------------------------------------------------------------

// So does every other test of this program: see Census.
TEST_F(ConformanceProcesses, O07_two_hundred_pools_leave_nothing) {
  for (int i = 0; i < 200; ++i) {
    ProcessPoolExecutor pool({.max_workers = 1});
    if (i % 2 == 0) {
      Future<int> future = pool.submit<square>(i);
      if (i % 4 == 0) {
        EXPECT_EQ(future.result(kPatience), i * i);
      }
    }
  }
  EXPECT_THAT(child_processes(), IsEmpty());
  EXPECT_THAT(run_folders(), IsEmpty());
}

TEST_F(ConformanceProcesses, O08_workers_end_when_their_master_is_killed) {
  Child program({TEST_ORPHANS});
  std::vector<pid_t> workers;
  for (std::string line = program.read_line(); !line.empty(); line = program.read_line())
    workers.push_back(std::stoi(line));
  ASSERT_THAT(workers, SizeIs(3));
  for (const pid_t worker : workers) ASSERT_FALSE(is_gone(worker));
  const pid_t pid = program.pid();
  program.kill(SIGKILL);
  for (const pid_t worker : workers) EXPECT_TRUE(wait_until([&] { return is_gone(worker); }));
  EXPECT_EQ(program.wait(), -SIGKILL);
  for (const std::string& folder : run_folders(pid)) std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace flagship::test
