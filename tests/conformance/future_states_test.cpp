// SPDX-License-Identifier: MIT
// Section A: states of a future, and what can be asked of it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <flagship/flagship.hpp>
#include <stdexcept>
#include <thread>
#include <unordered_map>
#include <vector>

#include "tests/conformance/executors.hpp"
#include "tests/conformance/in_each_state.hpp"
#include "tests/support/endings.hpp"
#include "tests/support/gate.hpp"
#include "tests/support/patience.hpp"
#include "tests/support/tasks.hpp"

namespace flagship::test {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

TEST(Conformance, A01_a_future_is_in_exactly_one_state) {
  InEachState in;
  EXPECT_EQ(in.pending.future().state(), State::pending);
  EXPECT_EQ(in.running.future().state(), State::running);
  EXPECT_EQ(in.cancelled.future().state(), State::cancelled);
  EXPECT_EQ(in.returned.future().state(), State::finished);
  EXPECT_EQ(in.raised.future().state(), State::finished);
}

TEST(Conformance, A02_A03_A04_cancelled_running_and_done_say_the_state) {
  InEachState in;
  const auto says = [](const Promise<int>& promise) {
    const Future<int> future = promise.future();
    return std::tuple(future.cancelled(), future.running(), future.done());
  };
  EXPECT_EQ(says(in.pending), std::tuple(false, false, false));
  EXPECT_EQ(says(in.running), std::tuple(false, true, false));
  EXPECT_EQ(says(in.cancelled), std::tuple(true, false, true));
  EXPECT_EQ(says(in.returned), std::tuple(false, false, true));
  EXPECT_EQ(says(in.raised), std::tuple(false, false, true));
}

TEST(Conformance, A05_A06_A07_cancel_works_on_pending_and_cancelled_only) {
  InEachState in;
  EXPECT_TRUE(in.pending.future().cancel());
  EXPECT_TRUE(in.pending.future().cancelled());
  EXPECT_FALSE(in.running.future().cancel());
  EXPECT_TRUE(in.running.future().running());
  EXPECT_TRUE(in.cancelled.future().cancel());
  EXPECT_FALSE(in.returned.future().cancel());
  EXPECT_FALSE(in.raised.future().cancel());
}

TEST(Conformance, A08_A15_cancel_wakes_those_who_wait_and_runs_the_callbacks_in_its_thread) {
  Promise<int> promise;
  Future<int> future = promise.future();
  std::thread::id called_in;
  future.add_done_callback([&](const Future<int>&) { called_in = std::this_thread::get_id(); });
  std::thread waiter([&] { EXPECT_THROW(promise.future().result(kPatience), CancelledError); });
  std::thread other([&] { EXPECT_THROW(promise.future().exception(kPatience), CancelledError); });
  EXPECT_TRUE(future.cancel());
  EXPECT_EQ(called_in, std::this_thread::get_id());
  waiter.join();
  other.join();
}

TEST(Conformance, A09_result_gives_the_value_every_time) {
  InEachState in;
  const Future<int> future = in.returned.future();
  EXPECT_EQ(future.result(), 42);
  EXPECT_EQ(future.result(0s), 42);
  EXPECT_EQ(&future.result(), &future.result()) << "no copies";
  EXPECT_EQ(in.returned.future().result(), 42) << "from a temporary, by value";
  EXPECT_EQ(future.result(), 42) << "which leaves the others theirs";
}

TEST(Conformance, A10_result_rethrows_what_the_call_threw) {
  InEachState in;
  EXPECT_THROW(in.raised.future().result(), std::out_of_range);
  EXPECT_THROW(in.raised.future().result(), std::out_of_range);
}

TEST(Conformance, A11_result_of_a_cancelled_future_throws_CancelledError) {
  InEachState in;
  EXPECT_THROW(in.cancelled.future().result(), CancelledError);
  EXPECT_THROW(in.cancelled.future().result(0s), CancelledError);
}

TEST(Conformance, A12_result_with_zero_timeout_throws_at_once) {
  InEachState in;
  EXPECT_THROW(in.pending.future().result(0s), TimeoutError);
  EXPECT_THROW(in.running.future().result(0s), TimeoutError);
  EXPECT_THROW(in.pending.future().result(-1s), TimeoutError);
}

TEST(Conformance, A13_A14_result_waits_until_another_thread_sets_it) {
  for (const bool limited : {false, true}) {
    Promise<int> promise;
    std::thread producer([&] {
      promise.set_running_or_notify_cancel();
      promise.set_result(5);
    });
    const Future<int> future = promise.future();
    EXPECT_EQ(limited ? future.result(kPatience) : future.result(), 5);
    producer.join();
  }
}

TEST(Conformance, A13_the_longest_durations_mean_no_limit) {
  Promise<int> promise;
  std::thread producer([&] { promise.set_result(5); });
  const Future<int> future = promise.future();
  EXPECT_EQ(future.result(duration::max()), 5);
  producer.join();
  EXPECT_EQ(wait(std::vector{future}, duration::max()).done.size(), 1u);
  Promise<int> never;
  EXPECT_THROW(never.future().result(duration::min()), TimeoutError);
}

TEST(Conformance, A16_a_wait_that_timed_out_leaves_the_future_untouched) {
  Promise<int> promise;
  EXPECT_THROW(promise.future().result(kSoon), TimeoutError);
  EXPECT_EQ(promise.future().state(), State::pending);
  promise.set_result(5);
  EXPECT_EQ(promise.future().result(), 5);
}

TEST(Conformance, A17_A18_exception_is_null_or_what_was_thrown) {
  InEachState in;
  EXPECT_EQ(in.returned.future().exception(), nullptr);
  const std::exception_ptr error = in.raised.future().exception();
  EXPECT_THROW(std::rethrow_exception(error), std::out_of_range);
}

TEST(Conformance, A19_exception_of_a_cancelled_future_throws_CancelledError) {
  InEachState in;
  EXPECT_THROW(in.cancelled.future().exception(), CancelledError);
}

TEST(Conformance, A20_exception_throws_TimeoutError_when_not_done_in_time) {
  InEachState in;
  EXPECT_THROW(in.pending.future().exception(0s), TimeoutError);
  EXPECT_THROW(in.running.future().exception(kSoon), TimeoutError);
}

TEST(Conformance, A21_an_exception_that_is_none_is_refused) {
  Promise<int> promise;
  const Future<int> future = promise.future();
  EXPECT_THROW(promise.set_exception(std::exception_ptr()), std::invalid_argument);
  EXPECT_EQ(future.state(), State::pending);
}

TEST(Conformance, A22_a_future_prints_its_id_name_state_and_ending) {
  InEachState in;
  const std::string id = std::to_string(in.pending.future().id());
  EXPECT_EQ(text_of(in.pending.future()), "<Future " + id + " promise state=pending>");
  EXPECT_THAT(text_of(in.running.future()), HasSubstr("state=running>"));
  EXPECT_THAT(text_of(in.cancelled.future()), HasSubstr("state=cancelled>"));
  EXPECT_THAT(text_of(in.returned.future()), HasSubstr("state=finished returned int>"));
  EXPECT_THAT(text_of(in.raised.future()), HasSubstr("state=finished raised std::out_of_range>"));
  Promise<void> nothing("nothing");
  nothing.set_result();
  EXPECT_THAT(text_of(nothing.future()), HasSubstr("nothing state=finished returned void>"));
  Promise<std::string> text("text");
  text.set_result("x");
  EXPECT_THAT(text_of(text.future()), HasSubstr("returned std::string>"));
}

TEST(Conformance, A24_try_outcome_tells_how_it_ended_and_never_changes) {
  InEachState in;
  EXPECT_EQ(in.pending.future().try_outcome(), std::nullopt);
  EXPECT_EQ(in.running.future().try_outcome(), std::nullopt);
  EXPECT_EQ(in.cancelled.future().try_outcome()->ending, Ending::cancelled);
  EXPECT_EQ(in.returned.future().try_outcome()->ending, Ending::returned);
  EXPECT_EQ(in.raised.future().try_outcome()->ending, Ending::raised);
  EXPECT_EQ(in.raised.future().try_outcome()->worker, -1);
}

TEST(Conformance, A25_futures_compare_and_hash_by_identity) {
  Promise<int> one, two;
  EXPECT_EQ(one.future(), one.future());
  EXPECT_NE(one.future(), two.future());
  EXPECT_NE(one.future().id(), two.future().id());
  std::unordered_map<Future<int>, std::string> urls{{one.future(), "one"}, {two.future(), "two"}};
  EXPECT_EQ(urls.at(one.future()), "one");
  EXPECT_EQ(AnyFuture(one.future()), AnyFuture(one.future()));
}

// ---- of calls ---------------------------------------------------------------------------------

TEST_P(ConformancePools, A03_running_is_true_only_once_a_worker_has_begun_the_call) {
  Gate gate;
  const auto executor = make(1);
  Future<int> first = executor->submit<wait_at>(gate.path(), 1);
  Future<int> second = executor->submit<wait_at>(gate.path(), 2);
  ASSERT_TRUE(wait_until([&] { return first.running(); }));
  EXPECT_EQ(second.state(), State::pending);
  gate.open();
  EXPECT_EQ(second.result(kPatience), 2);
  EXPECT_EQ(first.state(), State::finished);
}

TEST_P(ConformancePools, A05_A06_A07_what_waits_can_be_cancelled_and_never_runs) {
  Gate gate;
  Folder folder;
  const auto executor = make(1);
  Future<int> running = executor->submit<wait_at>(gate.path(), 1);
  ASSERT_TRUE(wait_until([&] { return running.running(); }));
  std::vector<Future<int>> pending;
  for (int i = 0; i < 10; ++i) pending.push_back(executor->submit<count>(folder.path("ran")));
  for (Future<int>& future : pending) {
    EXPECT_TRUE(future.cancel());
    EXPECT_TRUE(future.cancel()) << "and again";
    EXPECT_TRUE(future.cancelled());
    EXPECT_THROW(future.result(), CancelledError);
  }
  EXPECT_FALSE(running.cancel());
  EXPECT_TRUE(running.running());
  gate.open();
  EXPECT_EQ(running.result(kPatience), 1);
  EXPECT_FALSE(running.cancel());
  executor->shutdown();
  EXPECT_EQ(counted(folder.path("ran")), 0u);
}

TEST_F(ConformanceProcesses, A06_interrupt_stops_a_call_that_runs_and_no_other) {
  ProcessPoolExecutor pool({.max_workers = 1});
  Future<void> running = pool.submit<for_ever>();
  const Future<int> waiting = pool.submit<square>(3);
  ASSERT_TRUE(wait_until([&] { return running.running(); }));
  EXPECT_FALSE(running.cancel());
  EXPECT_TRUE(running.interrupt());
  EXPECT_TRUE(running.cancelled());
  EXPECT_THROW(running.result(), CancelledError);
  EXPECT_EQ(waiting.result(kPatience), 9);
}

TEST_P(ConformanceEverywhere, A09_A10_a_call_gives_the_same_ending_every_time) {
  const auto executor = make();
  const Future<int> good = executor->submit<square>(7);
  const Future<void> bad = executor->submit<throw_kind>("out_of_range");
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(good.result(kPatience), 49);
    EXPECT_THROW(bad.result(kPatience), std::out_of_range);
  }
}

TEST_P(ConformanceEverywhere, A17_A18_A24_exception_and_try_outcome_agree_on_how_a_call_ended) {
  const auto executor = make();
  const Future<int> good = executor->submit<square>(7);
  const Future<void> bad = executor->submit<throw_kind>("out_of_range");
  EXPECT_EQ(good.exception(kPatience), nullptr);
  EXPECT_EQ(good.try_outcome()->ending, Ending::returned);
  EXPECT_EQ(message_of(bad.exception(kPatience)), "no such item");
  EXPECT_EQ(bad.try_outcome()->ending, Ending::raised);
}

TEST_P(ConformanceEverywhere, A21_an_exception_that_looks_empty_is_one_all_the_same) {
  const auto executor = make();
  for (const char* kind : {"zero", "silent"}) {
    const Future<void> future = executor->submit<throw_kind>(kind);
    EXPECT_NE(future.exception(kPatience), nullptr);
    EXPECT_ANY_THROW(future.result(kPatience));
    EXPECT_EQ(future.try_outcome()->ending, Ending::raised);
  }
}

TEST_P(ConformanceEverywhere, A22_a_call_prints_its_function_and_how_it_ended) {
  const auto executor = make();
  const Future<int> good = executor->submit<square>(7);
  const Future<void> bad = executor->submit<throw_kind>("out_of_range");
  EXPECT_EQ(wait(std::vector{AnyFuture(good), AnyFuture(bad)}, kPatience).done.size(), 2u);
  EXPECT_THAT(text_of(good), HasSubstr("square state=finished returned int>"));
  EXPECT_THAT(text_of(bad), HasSubstr("throw_kind state=finished raised std::out_of_range>"));
}

TEST_P(ConformanceEverywhere, A25_futures_of_calls_are_keys) {
  const auto executor = make();
  std::unordered_map<Future<int>, int> inputs;
  for (int i = 0; i < 5; ++i) inputs.emplace(executor->submit<square>(i), i);
  std::vector<Future<int>> futures;
  for (const auto& [future, input] : inputs) futures.push_back(future);
  int seen = 0;
  for (auto& done : as_completed(futures, kPatience)) {
    EXPECT_EQ(done.result(), inputs.at(done) * inputs.at(done));
    ++seen;
  }
  EXPECT_EQ(seen, 5);
}

}  // namespace
}  // namespace flagship::test
