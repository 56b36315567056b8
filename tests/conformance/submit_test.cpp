// SPDX-License-Identifier: MIT
// Section F: submit, and how many workers there are.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <flagship/flagship.hpp>
#include <fstream>
#include <iostream>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "tests/conformance/executors.hpp"
#include "tests/support/endings.hpp"
#include "tests/support/gate.hpp"
#include "tests/support/patience.hpp"
#include "tests/support/tasks.hpp"

namespace flagship::test {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

int size_of(std::string text) { return static_cast<int>(text.size()); }

/// A line more in the file; one caller at a time.
void note(const std::string& file, int number) {
  std::ofstream(file, std::ios::app) << number << '\n';
}

std::vector<int> noted(const std::string& file) {
  std::vector<int> numbers;
  std::ifstream in(file);
  for (int number = 0; in >> number;) numbers.push_back(number);
  return numbers;
}

/// A pool within a pool's task.
int square_in_a_pool(int x) {
  ProcessPoolExecutor inner({.max_workers = 1});
  return inner.submit<square>(x).result();
}

/// One CPU for this thread, and what it had when it ends.
class OneCpu {
 public:
  OneCpu() {
    sched_getaffinity(0, sizeof before_, &before_);
    cpu_set_t one;
    CPU_ZERO(&one);
    for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
      if (!CPU_ISSET(cpu, &before_)) continue;
      CPU_SET(cpu, &one);
      break;
    }
    sched_setaffinity(0, sizeof one, &one);
  }
  OneCpu(const OneCpu&) = delete;
  OneCpu& operator=(const OneCpu&) = delete;
  ~OneCpu() { sched_setaffinity(0, sizeof before_, &before_); }

 private:
  cpu_set_t before_{};
};

TEST_P(ConformanceEverywhere, F01_submit_returns_a_future_with_the_result) {
  const auto executor = make();
  const Future<int> future = executor->submit<square>(7);
  EXPECT_EQ(future.result(kPatience), 49);
  EXPECT_EQ(future.try_outcome()->attempt, 1);
  EXPECT_EQ(executor->submit<size_of>("four").result(kPatience), 4) << "arguments convert";
}

TEST_F(ConformanceProcesses, F01_the_call_runs_in_a_worker_and_its_outcome_says_which) {
  ProcessPoolExecutor pool({.max_workers = 1});
  const Future<pid_t> future = pool.submit<own_pid>();
  const pid_t pid = future.result(kPatience);
  EXPECT_NE(pid, getpid());
  const Outcome outcome = future.try_outcome().value();
  EXPECT_EQ(outcome.ending, Ending::returned);
  EXPECT_EQ(outcome.pid, pid);
  EXPECT_EQ(outcome.worker, 0);
  EXPECT_FALSE(outcome.host.empty());
}

TEST_P(ConformancePools, F01_submit_never_waits_for_a_busy_pool) {
  Gate gate;
  const auto executor = make(1);
  std::vector<Future<int>> futures;
  for (int i = 0; i < 1000; ++i) futures.push_back(executor->submit<wait_at>(gate.path(), i));
  gate.open();
  EXPECT_EQ(futures.back().result(kPatience), 999);
}

TEST_P(ConformancePools, F03_a_negative_number_of_workers_is_an_invalid_argument) {
  EXPECT_THROW(make(-1), std::invalid_argument);
}

TEST_P(ConformancePools, F04_P01_by_default_it_has_the_workers_that_this_process_has_cpus_for) {
  const OneCpu one;
  EXPECT_EQ(usable_cpus(), 1);
  const std::size_t expected = in_processes() ? 1 : 5;  // threads wait a lot: 4 more
  Gate gate;
  const auto executor = make(0);
  std::vector<Future<int>> futures;
  for (int i = 0; i < 40; ++i) futures.push_back(executor->submit<wait_at>(gate.path(), i));
  ASSERT_TRUE(wait_until([&] { return executor->status().running == expected; }));
  EXPECT_EQ(executor->status().queued, 40 - expected);
  gate.open();
  EXPECT_THAT(wait(futures, kPatience).done, SizeIs(40));
}

TEST_F(ConformanceProcesses, F06_calls_one_after_another_reuse_one_worker) {
  ProcessPoolExecutor pool({.max_workers = 4});
  EXPECT_THAT(pool.status().workers, IsEmpty()) << "none before there is work";
  std::set<pid_t> pids;
  for (int i = 0; i < 20; ++i) pids.insert(pool.submit<own_pid>().result(kPatience));
  EXPECT_THAT(pids, SizeIs(1));
}

TEST_F(ConformanceProcesses, F07_no_more_workers_are_started_than_calls_overlap) {
  Gate gate;
  ProcessPoolExecutor pool({.max_workers = 8});
  const Future<int> running = pool.submit<wait_at>(gate.path(), 1);
  for (int i = 0; i < 20; ++i) pool.submit<square>(i).result(kPatience);
  EXPECT_THAT(pool.status().workers, SizeIs(2));
  gate.open();
}

TEST_P(ConformancePools, F08_P03_a_backlog_runs_in_exactly_max_workers) {
  Gate gate;
  const auto executor = make(3);
  std::vector<Future<int>> futures;
  for (int i = 0; i < 12; ++i) futures.push_back(executor->submit<wait_at>(gate.path(), i));
  ASSERT_TRUE(
      wait_until([&] { return std::ranges::count_if(futures, &Future<int>::running) == 3; }));
  EXPECT_EQ(executor->status().running, 3u);
  EXPECT_EQ(executor->status().queued, 9u);
  EXPECT_THAT(executor->status().workers, SizeIs(in_processes() ? 3 : 0));
  gate.open();
  EXPECT_THAT(wait(futures, kPatience).done, SizeIs(12));
}

TEST_P(ConformanceEverywhere, F10_calls_begin_in_the_order_of_their_submission) {
  Folder folder;
  const auto executor = make(1);
  std::vector<int> expected;
  for (int i = 0; i < 50; ++i) {
    executor->submit<note>(folder.path("order"), i);
    expected.push_back(i);
  }
  executor->shutdown();
  EXPECT_EQ(noted(folder.path("order")), expected);
}

TEST_F(ConformanceProcesses, F10_a_higher_priority_goes_first) {
  Gate gate;
  Folder folder;
  ProcessPoolExecutor pool({.max_workers = 1});
  const Future<int> running = pool.submit<wait_at>(gate.path(), 1);
  ASSERT_TRUE(wait_until([&] { return running.running(); }));
  for (int i = 0; i < 3; ++i) pool.submit<note>(folder.path("order"), i);
  for (int i = 3; i < 6; ++i) pool.with({.priority = 1}).submit<note>(folder.path("order"), i);
  gate.open();
  pool.shutdown();
  EXPECT_THAT(noted(folder.path("order")), ElementsAre(3, 4, 5, 0, 1, 2));
}

TEST_F(ConformanceProcesses, F11_a_call_that_a_worker_holds_and_has_not_begun_can_be_cancelled) {
  Gate gate;
  Folder folder;
  ProcessPoolExecutor pool({.max_workers = 1});
  for (int i = 0; i < 100; ++i) pool.submit<nothing>();
  pool.submit<nothing>().result(kPatience);
  Future<int> running = pool.submit<wait_at>(gate.path(), 1);
  std::vector<Future<int>> held;
  for (int i = 0; i < 20; ++i) held.push_back(pool.submit<count>(folder.path("ran")));
  ASSERT_TRUE(wait_until([&] { return running.running(); }));
  ASSERT_TRUE(wait_until([&] { return pool.status().held > 1; }));
  for (Future<int>& future : held) {
    EXPECT_EQ(future.state(), State::pending);
    EXPECT_TRUE(future.cancel());
  }
  Future<int> last = pool.submit<square>(5);
  gate.open();
  EXPECT_EQ(last.result(kPatience), 25);
  pool.shutdown();
  EXPECT_EQ(counted(folder.path("ran")), 0u);
}

TEST_P(ConformanceEverywhere, F13_submit_is_safe_from_many_threads_at_once) {
  constexpr int kThreads = 8, kCalls = 1000;
  const auto executor = make(4);
  std::atomic<long long> sum{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      std::vector<Future<int>> futures;
      for (int i = 0; i < kCalls; ++i) futures.push_back(executor->submit<add>(t, i));
      for (auto& done : as_completed(futures, kPatience)) sum += done.result();
    });
  }
  for (std::thread& thread : threads) thread.join();
  long long expected = 0;
  for (int t = 0; t < kThreads; ++t)
    for (int i = 0; i < kCalls; ++i) expected += t + i;
  EXPECT_EQ(sum, expected);
}

TEST_P(ConformancePools, F14_a_huge_number_of_calls_can_be_submitted_fast) {
  constexpr int kCalls = 30'000;
  const auto executor = make(2);
  std::vector<Future<int>> futures;
  for (int i = 0; i < kCalls; ++i) futures.push_back(executor->submit<add>(i, 1));
  for (int i = 0; i < kCalls; ++i)
    ASSERT_EQ(futures[static_cast<std::size_t>(i)].result(kPatience), i + 1);
}

// In a child, since a hard limit cannot be raised again.
TEST_F(ConformanceProcesses, F16_too_few_descriptors_for_its_workers_are_refused_in_words) {
  const auto make_a_pool_with_few_descriptors = [] {
    const rlimit few{64, 64};
    setrlimit(RLIMIT_NOFILE, &few);
    try {
      ProcessPoolExecutor pool({.max_workers = 50});
    } catch (const BrokenProcessPool& error) {
      std::cerr << error.what() << '\n';
      _exit(3);
    }
    _exit(0);
  };
  EXPECT_EXIT(make_a_pool_with_few_descriptors(), testing::ExitedWithCode(3),
              "pool of 50 workers needs about .* file descriptors.* may open 64");
}

TEST_F(ConformanceProcesses, F17_a_pool_within_a_task_works) {
  ProcessPoolExecutor pool({.max_workers = 2});
  std::vector<Future<int>> futures;
  for (int i = 0; i < 4; ++i) futures.push_back(pool.submit<square_in_a_pool>(i));
  for (int i = 0; i < 4; ++i)
    EXPECT_EQ(futures[static_cast<std::size_t>(i)].result(kPatience), i * i);
}

TEST_F(ConformanceProcesses, F18_another_executable_that_names_its_tasks_can_be_the_worker) {
  ProcessPoolExecutor pool({.max_workers = 1, .worker_executable = TEST_OTHER_WORKER});
  EXPECT_EQ(pool.submit_named<std::string>("test.greet", std::string("you")).result(kPatience),
            "hello you, from elsewhere");
  const Future<int> unknown = pool.submit<square>(1);
  EXPECT_TRUE(ended_with<UnknownTask>(unknown));
  EXPECT_THAT(message_of(unknown.exception()), HasSubstr("square"));
}

}  // namespace
}  // namespace flagship::test
