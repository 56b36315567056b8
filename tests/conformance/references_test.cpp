// SPDX-License-Identifier: MIT
// Section N: what executors and futures hold on to.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <atomic>
#include <flagship/flagship.hpp>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/conformance/counted.hpp"
#include "tests/conformance/executors.hpp"
#include "tests/support/endings.hpp"
#include "tests/support/gate.hpp"
#include "tests/support/patience.hpp"
#include "tests/support/tasks.hpp"

namespace flagship::test {
namespace {

int take(const Counted& counted) { return counted.number(); }
int throw_at(const Counted&) { throw std::runtime_error("thrown"); }
Counted pass_on(const Counted& counted) { return counted; }
int living_here() { return Counted::living(); }

TEST_P(ConformanceEverywhere,
       N01_the_arguments_go_when_the_call_has_ended_though_its_future_stays) {
  const auto executor = make();
  const Future<int> returned = executor->submit<take>(Counted(3));
  const Future<int> raised = executor->submit<throw_at>(Counted(3));
  EXPECT_EQ(returned.result(kPatience), 3);
  EXPECT_NE(raised.exception(kPatience), nullptr);
  EXPECT_TRUE(wait_until([] { return Counted::living() == 0; }));
}

TEST_P(ConformancePools, N01_the_arguments_of_a_cancelled_call_go_too) {
  Gate gate;
  const auto executor = make(1);
  const Future<int> running = executor->submit<wait_at>(gate.path(), 1);
  Future<int> cancelled = executor->submit<take>(Counted(3));
  EXPECT_TRUE(cancelled.cancel());
  gate.open();
  executor->shutdown();
  EXPECT_EQ(Counted::living(), 0);
}

TEST_P(ConformanceEverywhere, N01_a_call_whose_future_was_let_go_of_leaves_nothing) {
  const auto executor = make();
  executor->submit<take>(Counted(3));
  executor->submit<pass_on>(Counted(3));
  executor->shutdown();
  EXPECT_EQ(Counted::living(), 0);
}

TEST_F(ConformanceProcesses, N02_a_worker_lets_go_of_arguments_and_result_before_the_next_call) {
  ProcessPoolExecutor pool({.max_workers = 1});
  EXPECT_EQ(pool.submit<pass_on>(Counted(3)).result(kPatience).number(), 3);
  EXPECT_NE(pool.submit<throw_at>(Counted(3)).exception(kPatience), nullptr);
  EXPECT_EQ(pool.submit<living_here>().result(kPatience), 0);
}

TEST_F(ConformanceProcesses, N03_a_broken_pool_holds_on_to_no_call) {
  Gate gate;
  ProcessPoolExecutor pool({.max_workers = 1, .on_worker_death = OnWorkerDeath::break_pool});
  const Future<int> running = pool.submit<wait_at>(gate.path(), 1);
  std::vector<Future<int>> waiting;
  for (int i = 0; i < 10; ++i) waiting.push_back(pool.submit<square>(i));
  ASSERT_TRUE(wait_until([&] { return running.running(); }));
  kill(worker_pids(pool).at(0), SIGKILL);
  EXPECT_TRUE(ended_with<WorkerDied>(running));
  EXPECT_TRUE(wait_until([&] { return running.shared_state().unique(); }));
  for (const Future<int>& future : waiting) {
    EXPECT_NE(future.exception(kPatience), nullptr);
    EXPECT_TRUE(wait_until([&] { return future.shared_state().unique(); })) << "only this test";
  }
}

TEST(Conformance, N04_a_callback_is_let_go_of_once_it_has_run) {
  Promise<int> promise;
  const auto kept = std::make_shared<int>();
  promise.future().add_done_callback([kept](const Future<int>&) {});
  EXPECT_EQ(kept.use_count(), 2);
  promise.set_result(1);
  EXPECT_EQ(kept.use_count(), 1);
}

TEST(Conformance, N04_a_future_and_the_exception_that_it_threw_hold_no_cycle) {
  Promise<int> promise;
  promise.set_exception(std::runtime_error("thrown"));
  const Future<int> future = promise.future();
  for (int i = 0; i < 3; ++i) EXPECT_THROW(future.result(), std::runtime_error);
  promise = Promise<int>();
  EXPECT_TRUE(future.shared_state().unique());
}

}  // namespace
}  // namespace flagship::test
