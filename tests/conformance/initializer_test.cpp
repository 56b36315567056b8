// SPDX-License-Identifier: MIT
// Section I: what each worker does before its first task.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <flagship/flagship.hpp>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "tests/conformance/executors.hpp"
#include "tests/support/census.hpp"
#include "tests/support/endings.hpp"
#include "tests/support/gate.hpp"
#include "tests/support/patience.hpp"
#include "tests/support/tasks.hpp"

namespace flagship::test {
namespace {

using testing::AllOf;
using testing::Each;
using testing::HasSubstr;
using testing::IsEmpty;

thread_local int given = 0;  // a worker process has one thread
thread_local int times = 0;

void set_up(int value) {
  given = value;
  ++times;
}
int what_was_given(const std::string& gate) {
  pass(gate);
  return given;
}
int times_set_up() { return times; }
void fail(const std::string& why) { throw std::domain_error(why); }
void fail_at_the_gate(const std::string& gate) {
  pass(gate);
  fail("no licence");
}

/// Also P08: a value that is sent once to each worker, for all its calls to read.
template <class Pool>
void expect_set_up_everywhere(const Pool& pool) {
  Gate gate;
  std::vector<Future<int>> futures;
  for (int i = 0; i < 3; ++i) futures.push_back(pool.template submit<what_was_given>(gate.path()));
  EXPECT_TRUE(wait_until([&] { return pool.status().running == 3; })) << "one in each worker";
  gate.open();
  std::vector<int> results;
  for (const Future<int>& future : futures) results.push_back(future.result(kPatience));
  EXPECT_THAT(results, Each(42));
}

TEST_F(ConformanceProcesses, I01_P08_every_worker_is_set_up_before_its_first_call) {
  expect_set_up_everywhere(
      ProcessPoolExecutor({.max_workers = 3, .initializer = initializer<set_up>(42)}));
}

TEST_F(ConformanceThreads, I01_P08_every_thread_is_set_up_before_its_first_call) {
  expect_set_up_everywhere(
      ThreadPoolExecutor({.max_workers = 3, .initializer = initializer<set_up>(42)}));
}

TEST_F(ConformanceProcesses, I01_a_worker_is_set_up_once) {
  ProcessPoolExecutor pool({.max_workers = 1, .initializer = initializer<set_up>(42)});
  for (int i = 0; i < 5; ++i) EXPECT_EQ(pool.submit<times_set_up>().result(kPatience), 1);
}

TEST_F(ConformanceProcesses, I02_a_worker_that_takes_anothers_place_is_set_up_too) {
  ProcessPoolExecutor pool({.max_workers = 1, .initializer = initializer<set_up>(42)});
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(pool.submit<what_was_given>("/").result(kPatience), 42);
    EXPECT_TRUE(ended_with<WorkerDied>(pool.submit<die>()));
  }
}

/// Calls submitted while the initializer has not failed yet end as broken, with what it said;
/// later ones are refused.
template <class E, class Pool>
void expect_broken_by_its_initializer(const Pool& pool, const Gate& gate) {
  std::vector<Future<int>> futures;
  for (int i = 0; i < 5; ++i) futures.push_back(pool.template submit<square>(i));
  gate.open();
  for (const Future<int>& future : futures) {
    EXPECT_TRUE(ended_with<E>(future));
    EXPECT_THAT(
        message_of(future.exception()),
        AllOf(HasSubstr("initializer failed"), HasSubstr("domain_error"), HasSubstr("no licence")));
  }
  EXPECT_NE(futures[0].exception(), futures[1].exception()) << "each has one of its own";
  EXPECT_TRUE(refuses_as_broken(pool));
}

TEST_F(ConformanceProcesses, I03_I04_an_initializer_that_throws_breaks_the_pool_with_its_message) {
  Gate gate;
  expect_broken_by_its_initializer<BrokenProcessPool>(
      ProcessPoolExecutor(
          {.max_workers = 2, .initializer = initializer<fail_at_the_gate>(gate.path())}),
      gate);
}

TEST_F(ConformanceThreads, P06_I03_I04_an_initializer_that_throws_breaks_the_pool_of_threads) {
  Gate gate;
  expect_broken_by_its_initializer<BrokenExecutor>(
      ThreadPoolExecutor(
          {.max_workers = 2, .initializer = initializer<fail_at_the_gate>(gate.path())}),
      gate);
}

TEST_F(ConformanceProcesses, I05_pools_whose_initializer_throws_leave_nothing) {
  const auto before = open_descriptors().size();
  for (int i = 0; i < 10; ++i) {
    ProcessPoolExecutor pool({.max_workers = 2, .initializer = initializer<fail>("no licence")});
    EXPECT_TRUE(ended_with<BrokenProcessPool>(pool.submit<square>(i)));
  }
  EXPECT_THAT(child_processes(), IsEmpty());
  EXPECT_THAT(run_folders(), IsEmpty());
  EXPECT_LE(open_descriptors().size(), before + 1);  // one that libzmq keeps
}

}  // namespace
}  // namespace flagship::test
