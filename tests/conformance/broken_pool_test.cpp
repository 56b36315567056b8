// SPDX-License-Identifier: MIT
// Section H: the death of workers, and pools that break.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <exception>
#include <flagship/flagship.hpp>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

#include "tests/conformance/executors.hpp"
#include "tests/support/census.hpp"
#include "tests/support/endings.hpp"
#include "tests/support/gate.hpp"
#include "tests/support/patience.hpp"
#include "tests/support/tasks.hpp"

FLAGSHIP_TASK("conformance.square", flagship::test::square)

namespace flagship::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::SizeIs;

TEST_F(ConformanceProcesses, H01_H02_a_worker_killed_from_outside_ends_its_call_and_no_other) {
  Gate gate;
  ProcessPoolExecutor pool({.max_workers = 3});
  std::vector<Future<int>> running, waiting;
  for (int i = 0; i < 3; ++i) running.push_back(pool.submit<wait_at>(gate.path(), i));
  for (int i = 0; i < 20; ++i) waiting.push_back(pool.submit<square>(i));
  wait_for_running(running);
  kill(pool.status().workers.at(1).pid, SIGKILL);
  std::size_t died = 0;
  ASSERT_TRUE(wait_until([&] {
    died = static_cast<std::size_t>(std::ranges::count_if(running, &Future<int>::done));
    return died > 0;
  }));
  EXPECT_EQ(died, 1u);
  gate.open();
  for (Future<int>& future : running) {
    if (future.exception(kPatience) == nullptr) continue;
    EXPECT_TRUE(ended_with<WorkerDied>(future));
    --died;
  }
  EXPECT_EQ(died, 0u);
  for (int i = 0; i < 20; ++i)
    EXPECT_EQ(waiting[static_cast<std::size_t>(i)].result(kPatience), i * i);
}

/// A pool that one death broke, and its futures: of the culprit, of what ran beside it, of what
/// waited, of what had been cancelled.
struct Broken {
  Gate gate, hold;
  ProcessPoolExecutor pool{
      PoolOptions{.max_workers = 2, .on_worker_death = OnWorkerDeath::break_pool}};
  Future<int> other = pool.submit<wait_at>(gate.path(), 1);
  std::vector<Future<int>> waiting;
  std::vector<Future<int>> cancelled;
  Future<void> culprit;

  Broken() : culprit(start()) { EXPECT_TRUE(ended_with<WorkerDied>(culprit)); }

 private:
  Future<void> start() {
    EXPECT_TRUE(wait_until([&] { return other.running(); }));
    const Future<int> held = pool.submit<wait_at>(hold.path(), 1);
    EXPECT_TRUE(wait_until([&] { return held.running(); }));
    Future<void> bad = pool.submit<leave>(99);
    for (int i = 0; i < 10; ++i) waiting.push_back(pool.submit<wait_at>(gate.path(), i));
    for (int i = 0; i < 10; ++i) {
      cancelled.push_back(pool.submit<wait_at>(gate.path(), i));
      EXPECT_TRUE(cancelled.back().cancel());
    }
    hold.open();
    return bad;
  }
};

TEST_F(ConformanceProcesses, H02_H05_H06_with_break_pool_a_death_fails_every_call_with_its_cause) {
  Broken broken;
  EXPECT_TRUE(ended_with<BrokenProcessPool>(broken.other));
  for (const Future<int>& future : broken.waiting) {
    EXPECT_TRUE(ended_with<BrokenProcessPool>(future));
    EXPECT_THAT(message_of(future.exception()),
                AllOf(HasSubstr("worker process "), HasSubstr("exited with code 99")));
  }
  EXPECT_NE(broken.waiting[0].exception(), broken.waiting[1].exception())
      << "each has an exception of its own";
}

TEST_F(ConformanceProcesses, H03_H08_a_broken_pool_refuses_calls_and_has_no_workers_left) {
  Broken broken;
  EXPECT_TRUE(refuses_as_broken(broken.pool));
  EXPECT_TRUE(wait_until([&] { return worker_pids(broken.pool).empty(); }));
}

TEST_F(ConformanceProcesses, H09_what_was_cancelled_before_the_pool_broke_stays_cancelled) {
  Broken broken;
  for (const Future<int>& future : broken.cancelled) {
    EXPECT_TRUE(future.cancelled());
    EXPECT_THROW(future.result(kPatience), CancelledError);
  }
}

TEST_F(ConformanceProcesses, H03_otherwise_a_death_leaves_the_pool_whole) {
  ProcessPoolExecutor pool({.max_workers = 1});
  for (int i = 0; i < 5; ++i) {
    EXPECT_TRUE(ended_with<WorkerDied>(pool.submit<die>()));
    EXPECT_EQ(pool.submit<square>(i).result(kPatience), i * i);
  }
  EXPECT_EQ(pool.status().deaths, 5u);
}

TEST_F(ConformanceProcesses, H04_H06_a_segfault_ends_its_call_with_WorkerDied_and_the_facts) {
  ProcessPoolExecutor pool({.max_workers = 1});
  const pid_t pid = pool.submit<own_pid>().result(kPatience);
  const Future<void> future = pool.submit<segfault>();
  try {
    future.result(kPatience);
    ADD_FAILURE() << "it returned";
  } catch (const WorkerDied& died) {
    EXPECT_EQ(died.pid(), pid);
    EXPECT_EQ(died.signal(), SIGSEGV);
    EXPECT_EQ(died.signal_name(), "SIGSEGV");
    EXPECT_EQ(died.exit_code(), -1);
    EXPECT_EQ(died.attempt(), 1);
    EXPECT_FALSE(died.host().empty());
    EXPECT_THAT(died.task(), HasSubstr("segfault"));
    EXPECT_GT(died.peak_rss(), 0u);
    EXPECT_THAT(died.what(), AllOf(HasSubstr("SIGSEGV"), HasSubstr(std::to_string(pid))));
  }
  EXPECT_EQ(future.try_outcome()->ending, Ending::worker_died);
  EXPECT_EQ(future.try_outcome()->pid, pid) << "the outcome says where it ran, too";
  EXPECT_EQ(pool.submit<square>(3).result(kPatience), 9) << "the pool is whole";
  EXPECT_EQ(pool.status().deaths, 1u);
}

TEST_F(ConformanceProcesses, H07_one_catch_takes_all_that_a_broken_pool_throws) {
  static_assert(std::is_base_of_v<std::runtime_error, Error>);
  static_assert(std::is_base_of_v<Error, BrokenExecutor>);
  static_assert(std::is_base_of_v<BrokenExecutor, BrokenProcessPool>);
  static_assert(std::is_base_of_v<BrokenProcessPool, WorkerDied>);
  ProcessPoolExecutor pool({.max_workers = 1});
  EXPECT_THROW(pool.submit<die>().result(kPatience), BrokenExecutor);
}

void expect_broken(const std::string& executable, const std::string& cause) {
  ProcessPoolExecutor pool({.max_workers = 2, .worker_executable = executable});
  std::vector<Future<int>> futures;
  for (int i = 0; i < 10; ++i) futures.push_back(pool.submit_named<int>("conformance.square", i));
  for (const Future<int>& future : futures) {
    EXPECT_TRUE(ended_with<BrokenProcessPool>(future));
    EXPECT_THAT(message_of(future.exception(kPatience)),
                AllOf(HasSubstr(executable), HasSubstr(cause)));
  }
  EXPECT_TRUE(refuses_as_broken(pool));
  EXPECT_THAT(message_of([&] {
                try {
                  pool.submit<nothing>();
                } catch (...) {
                  return std::current_exception();
                }
                return std::exception_ptr();
              }()),
              HasSubstr(executable));
}

TEST_F(ConformanceProcesses, H11_workers_that_cannot_be_started_break_the_pool_with_the_cause) {
  expect_broken("/no/such/worker", "No such file or directory");
  expect_broken("/etc/passwd", "Permission denied");
  expect_broken("/tmp", "Permission denied");
  expect_broken("/bin/true", "flagship::init");
}

}  // namespace
}  // namespace flagship::test
