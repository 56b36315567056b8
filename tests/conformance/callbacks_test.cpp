// SPDX-License-Identifier: MIT
// Section C: done callbacks.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <unistd.h>
#include <atomic>
#include <flagship/flagship.hpp>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <vector>

#include "tests/conformance/executors.hpp"
#include "tests/conformance/in_each_state.hpp"
#include "tests/support/gate.hpp"
#include "tests/support/patience.hpp"
#include "tests/support/tasks.hpp"

namespace flagship::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(Conformance, C01_C02_C03_the_callback_gets_the_future_however_it_ends) {
  Promise<int> returns, raises, is_cancelled;
  std::vector<State> seen;
  const auto note = [&](const Future<int>& future) { seen.push_back(future.state()); };
  for (Promise<int>* promise : {&returns, &raises, &is_cancelled})
    promise->future().add_done_callback(note);
  returns.set_result(1);
  raises.set_exception(std::runtime_error("x"));
  is_cancelled.future().cancel();
  EXPECT_THAT(seen, ElementsAre(State::finished, State::finished, State::cancelled));
}

TEST(Conformance, C04_C05_added_to_a_done_future_it_runs_at_once_in_this_thread) {
  InEachState in;
  for (Promise<int>* promise : {&in.returned, &in.raised, &in.cancelled}) {
    std::thread::id called_in;
    promise->future().add_done_callback(
        [&](const Future<int>&) { called_in = std::this_thread::get_id(); });
    EXPECT_EQ(called_in, std::this_thread::get_id());
  }
}

TEST(Conformance, C06_callbacks_run_in_the_order_they_were_added) {
  Promise<int> promise;
  std::vector<int> order;
  for (int i = 0; i < 5; ++i) {
    promise.future().add_done_callback([&, i](const Future<int>&) { order.push_back(i); });
    promise.future().add_running_callback([&, i](const Future<int>&) { order.push_back(10 + i); });
  }
  promise.set_running_or_notify_cancel();
  promise.set_result(1);
  EXPECT_THAT(order, ElementsAre(10, 11, 12, 13, 14, 0, 1, 2, 3, 4));
}

TEST(Conformance, C07_C08_C09_what_a_callback_throws_is_logged_and_the_others_run) {
  Promise<int> promise;
  int ran = 0;
  promise.future().add_done_callback(
      [](const Future<int>&) { throw std::runtime_error("dropped"); });
  promise.future().add_done_callback([](const Future<int>&) { throw 42; });
  promise.future().add_done_callback([&](const Future<int>&) { ++ran; });
  testing::internal::CaptureStderr();
  promise.set_result(1);
  promise.future().add_done_callback([](const Future<int>&) { throw std::runtime_error("late"); });
  const std::string log = testing::internal::GetCapturedStderr();
  EXPECT_EQ(ran, 1);
  EXPECT_THAT(log, HasSubstr("dropped"));
  EXPECT_THAT(log, HasSubstr("late"));
}

TEST(Conformance, C10_callbacks_run_in_the_thread_that_completes) {
  Promise<int> promise;
  std::thread::id called_in;
  promise.future().add_done_callback(
      [&](const Future<int>&) { called_in = std::this_thread::get_id(); });
  std::thread producer([&] { promise.set_result(1); });
  const std::thread::id expected = producer.get_id();
  producer.join();
  EXPECT_EQ(called_in, expected);
}

TEST(Conformance, C11_callbacks_run_outside_the_lock) {
  Promise<int> promise;
  int value = 0, inner = 0;
  promise.future().add_done_callback([&](Future<int> future) {
    value = future.result();
    EXPECT_FALSE(future.cancel());
    future.add_done_callback([&](const Future<int>&) { ++inner; });
  });
  promise.set_result(7);
  EXPECT_EQ(value, 7);
  EXPECT_EQ(inner, 1);
}

// ---- of calls ---------------------------------------------------------------------------------

TEST_P(ConformanceEverywhere, C01_C02_C04_callbacks_of_calls_get_their_future_however_it_ends) {
  const auto executor = make();
  std::atomic<int> result{0};
  std::atomic<bool> raised{false};
  Future<int> good = executor->submit<square>(7);
  good.add_done_callback([&](const Future<int>& done) { result = done.result(); });
  Future<void> bad = executor->submit<throw_kind>("out_of_range");
  bad.add_done_callback([&](const Future<void>& done) { raised = done.exception() != nullptr; });
  EXPECT_TRUE(wait_until([&] { return result == 49 && raised; }));
  bool at_once = false;
  good.add_done_callback([&](const Future<int>&) { at_once = true; });
  EXPECT_TRUE(at_once);
}

TEST_P(ConformancePools, C03_callbacks_of_a_cancelled_call_run_in_the_thread_that_cancels) {
  Gate gate;
  const auto executor = make(1);
  const Future<int> running = executor->submit<wait_at>(gate.path(), 1);
  Future<int> waiting = executor->submit<square>(2);
  std::thread::id called_in;
  waiting.add_done_callback([&](const Future<int>&) { called_in = std::this_thread::get_id(); });
  EXPECT_TRUE(waiting.cancel());
  EXPECT_EQ(called_in, std::this_thread::get_id());
  gate.open();
}

TEST_P(ConformanceEverywhere, C06_C07_callbacks_of_calls_run_in_order_and_may_throw) {
  Gate gate;
  const auto executor = make(1);
  std::mutex mutex;
  std::vector<int> order;
  if (GetParam() == Kind::inline_) gate.open();
  testing::internal::CaptureStderr();
  Future<int> future = executor->submit<wait_at>(gate.path(), 1);
  for (int i = 0; i < 5; ++i) {
    future.add_done_callback([&, i](const Future<int>&) {
      const std::lock_guard lock(mutex);
      order.push_back(i);
      throw std::runtime_error("dropped");
    });
  }
  gate.open();
  EXPECT_TRUE(wait_until([&] {
    const std::lock_guard lock(mutex);
    return order.size() == 5;
  }));
  executor->shutdown();
  EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr("dropped"));
  EXPECT_THAT(order, ElementsAre(0, 1, 2, 3, 4));
}

TEST_P(ConformanceEverywhere, C10_C11_callbacks_run_in_this_process_and_may_use_the_executor) {
  const auto executor = make();
  std::atomic<pid_t> called_in{0};
  std::atomic<int> again{0};
  Future<pid_t> future = executor->submit<own_pid>();
  future.add_done_callback([&](const Future<pid_t>& done) {
    executor->submit<square>(3).add_done_callback(
        [&](const Future<int>& inner) { again = inner.result(); });
    EXPECT_EQ(done.result() != getpid(), in_processes());
    called_in = getpid();
  });
  EXPECT_TRUE(wait_until([&] { return called_in != 0 && again != 0; }));
  EXPECT_EQ(called_in, getpid());
  EXPECT_EQ(again, 9);
}

}  // namespace
}  // namespace flagship::test
