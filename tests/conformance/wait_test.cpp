// SPDX-License-Identifier: MIT
// Section D: wait.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <flagship/flagship.hpp>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "tests/conformance/executors.hpp"
#include "tests/conformance/in_each_state.hpp"
#include "tests/support/gate.hpp"
#include "tests/support/patience.hpp"
#include "tests/support/tasks.hpp"

namespace flagship::test {
namespace {

using namespace std::chrono_literals;
using testing::IsEmpty;
using testing::SizeIs;
using testing::UnorderedElementsAre;

TEST_F(ConformanceWait, D01_D11_returns_done_and_not_done_and_never_throws_for_time) {
  const auto result = wait(std::vector{pending, running, returned}, kSoon);
  EXPECT_THAT(result.done, UnorderedElementsAre(returned));
  EXPECT_THAT(result.not_done, UnorderedElementsAre(pending, running));
}

TEST_F(ConformanceWait, D02_duplicates_are_returned_once) {
  const auto result = wait(std::vector{returned, returned, pending, pending}, 0s);
  EXPECT_THAT(result.done, SizeIs(1));
  EXPECT_THAT(result.not_done, SizeIs(1));
}

TEST_F(ConformanceWait, D03_futures_of_different_types_mix_as_AnyFuture) {
  Promise<std::string> other;
  other.set_result("x");
  const std::vector<AnyFuture> futures{AnyFuture(other.future()), AnyFuture(pending)};
  EXPECT_THAT(wait(futures, 0s).done, UnorderedElementsAre(AnyFuture(other.future())));
}

TEST_F(ConformanceWait, D04_first_completed_returns_when_one_completes) {
  std::thread producer([&] { in.running.set_result(1); });
  const auto result = wait(std::vector{pending, running}, kPatience, ReturnWhen::first_completed);
  EXPECT_THAT(result.done, UnorderedElementsAre(running));
  EXPECT_THAT(result.not_done, UnorderedElementsAre(pending));
  producer.join();
}

TEST_F(ConformanceWait, D05_first_completed_gives_all_that_are_done_already) {
  const auto result = wait(std::vector{pending, returned, raised, cancelled}, kPatience,
                           ReturnWhen::first_completed);
  EXPECT_THAT(result.done, UnorderedElementsAre(returned, raised, cancelled));
}

TEST_F(ConformanceWait, D06_first_exception_returns_when_one_raises) {
  std::thread producer([&] { in.running.set_exception(std::runtime_error("x")); });
  const auto result =
      wait(std::vector{pending, running, returned}, kPatience, ReturnWhen::first_exception);
  EXPECT_THAT(result.done, UnorderedElementsAre(running, returned));
  producer.join();
}

TEST_F(ConformanceWait, D07_first_exception_does_not_count_a_cancelled_future) {
  const auto result =
      wait(std::vector{pending, cancelled, returned}, kSoon, ReturnWhen::first_exception);
  EXPECT_THAT(result.done, UnorderedElementsAre(cancelled, returned));
  EXPECT_THAT(result.not_done, UnorderedElementsAre(pending));
}

TEST_F(ConformanceWait, D08_first_exception_returns_at_once_when_one_has_raised) {
  const auto result = wait(std::vector{pending, raised}, kPatience, ReturnWhen::first_exception);
  EXPECT_THAT(result.done, UnorderedElementsAre(raised));
}

TEST_F(ConformanceWait, D09_D10_otherwise_all_must_complete_failures_included) {
  std::thread producer([&] {
    in.running.set_result(1);
    pending.cancel();
  });
  EXPECT_THAT(wait(std::vector{pending, running, returned, raised, cancelled}, kPatience).done,
              SizeIs(5));
  producer.join();
  EXPECT_THAT(wait(std::vector{pending, running}, kPatience, ReturnWhen::first_exception).done,
              SizeIs(2));
}

TEST(Conformance, D13_many_futures_completing_at_once_lose_no_count) {
  for (int round = 0; round < 50; ++round) {
    std::vector<Promise<int>> promises(64);
    std::vector<Future<int>> futures;
    for (const auto& promise : promises) futures.push_back(promise.future());
    std::vector<std::thread> producers;
    for (std::size_t t = 0; t < 4; ++t) {
      producers.emplace_back([&, t] {
        for (std::size_t i = t; i < promises.size(); i += 4) promises[i].set_result(1);
      });
    }
    EXPECT_THAT(wait(futures, kPatience).done, SizeIs(64));
    for (std::thread& producer : producers) producer.join();
  }
}

TEST(Conformance, D14_an_empty_input_returns_at_once) {
  const auto result = wait(std::vector<Future<int>>{});
  EXPECT_THAT(result.done, IsEmpty());
  EXPECT_THAT(result.not_done, IsEmpty());
}

TEST(Conformance, D15_two_waits_for_the_same_futures_cannot_block_each_other) {
  std::vector<Promise<int>> promises(32);
  std::vector<Future<int>> forwards, backwards;
  for (const auto& promise : promises) forwards.push_back(promise.future());
  backwards.assign(forwards.rbegin(), forwards.rend());
  std::vector<std::thread> waiters;
  for (int i = 0; i < 4; ++i)
    waiters.emplace_back([&, i] {
      EXPECT_THAT(wait(i % 2 == 0 ? forwards : backwards, kPatience).done, SizeIs(32));
    });
  for (Promise<int>& promise : promises) promise.set_result(1);
  for (std::thread& waiter : waiters) waiter.join();
}

TEST(Conformance, D16_waits_that_timed_out_leave_nothing_with_the_future) {
  Promise<int> promise;
  const std::vector<Future<int>> futures{promise.future()};
  for (int i = 0; i < 20'000; ++i) wait(futures, 0s);
  promise.set_result(1);  // would tell every waiter that was forgotten, which the sanitizers see
  EXPECT_THAT(wait(futures).done, SizeIs(1));
}

// ---- of calls ---------------------------------------------------------------------------------

TEST(ConformanceMixed, D03_futures_of_different_executors_mix) {
  InlineExecutor in_line;
  ThreadPoolExecutor threads({.max_workers = 1});
  ProcessPoolExecutor processes({.max_workers = 1});
  const std::vector<Future<int>> futures{in_line.submit<square>(1), threads.submit<square>(2),
                                         processes.submit<square>(3)};
  EXPECT_THAT(wait(futures, kPatience).done, SizeIs(3));
}

TEST_P(ConformancePools, D01_D04_D11_wait_returns_what_is_done_and_what_is_not) {
  Gate gate;
  const auto executor = make(2);
  const Future<int> quick = executor->submit<square>(1);
  const Future<int> slow = executor->submit<wait_at>(gate.path(), 2);
  const auto first = wait(std::vector{quick, slow}, kPatience, ReturnWhen::first_completed);
  EXPECT_THAT(first.done, UnorderedElementsAre(quick));
  EXPECT_THAT(first.not_done, UnorderedElementsAre(slow));
  EXPECT_THAT(wait(std::vector{quick, slow}, kSoon).not_done, UnorderedElementsAre(slow));
  gate.open();
  EXPECT_THAT(wait(std::vector{quick, slow}, kPatience).not_done, IsEmpty());
}

TEST_P(ConformancePools, D06_D08_D10_a_call_that_throws_ends_a_wait_for_the_first_exception) {
  Gate gate;
  const auto executor = make(2);
  const AnyFuture slow = executor->submit<wait_at>(gate.path(), 2);
  const AnyFuture bad = executor->submit<throw_kind>("out_of_range");
  for (int i = 0; i < 2; ++i) {  // the second time it has raised already
    const auto result = wait(std::vector{slow, bad}, kPatience, ReturnWhen::first_exception);
    EXPECT_THAT(result.done, UnorderedElementsAre(bad));
  }
  gate.open();
  EXPECT_THAT(wait(std::vector{slow, bad}, kPatience).done, SizeIs(2));
}

TEST_P(ConformancePools, D13_several_threads_wait_for_the_same_thousand_calls) {
  const auto executor = make(3);
  std::vector<Future<int>> futures;
  for (int i = 0; i < 1000; ++i) futures.push_back(executor->submit<square>(i));
  std::vector<std::thread> waiters;
  for (int t = 0; t < 4; ++t)
    waiters.emplace_back([&] { EXPECT_THAT(wait(futures, kPatience).done, SizeIs(1000)); });
  for (std::thread& waiter : waiters) waiter.join();
}

}  // namespace
}  // namespace flagship::test
