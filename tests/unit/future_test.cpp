// SPDX-License-Identifier: MIT
// Futures, promises, wait and as_completed: conformance.md, sections A to E.
#include "flagship/future.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <forward_list>
#include <list>
#include <sstream>
#include <thread>
#include <unordered_map>

#include "flagship/wait.hpp"
#include "tests/support/patience.hpp"

namespace flagship {
namespace {

using namespace std::chrono_literals;
using test::kPatience;
using test::kSoon;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::MatchesRegex;
using testing::SizeIs;
using testing::UnorderedElementsAre;

std::string text_of(const FutureBase& future) {
  std::ostringstream out;
  out << future;
  return out.str();
}

/// A promise in each state that a future can have.
struct InEachState {
  Promise<int> pending, running, cancelled, returned, raised;
  InEachState() {
    running.set_running_or_notify_cancel();
    cancelled.future().cancel();
    returned.set_running_or_notify_cancel();
    returned.set_result(42);
    raised.set_running_or_notify_cancel();
    raised.set_exception(std::out_of_range("raised"));
  }
};

// ---- A: states and queries --------------------------------------------------------------------

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

TEST(Future, a_future_outlives_its_promise_and_its_other_handles) {
  std::optional<Future<std::string>> future;
  {
    Promise<std::string> promise;
    future = promise.future();
    promise.set_result("kept");
  }
  EXPECT_EQ(std::move(*future).result(), "kept");
}

TEST(Future, values_that_can_only_be_moved_come_out_of_a_temporary) {
  Promise<std::unique_ptr<int>> promise;
  promise.set_result(std::make_unique<int>(3));
  EXPECT_EQ(*promise.future().result(), 3);
}

TEST(Future, a_coroutine_resumes_with_the_result) {
  struct Detached {
    struct promise_type {
      Detached get_return_object() { return {}; }
      std::suspend_never initial_suspend() noexcept { return {}; }
      std::suspend_never final_suspend() noexcept { return {}; }
      void return_void() {}
      void unhandled_exception() { std::terminate(); }
    };
  };
  Promise<int> good, bad;
  int got = 0;
  bool caught = false;
  const auto run = [&](Future<int> first, Future<int> second) -> Detached {
    got = co_await first;
    try {
      co_await second;
    } catch (const std::out_of_range&) {
      caught = true;
    }
  };
  run(good.future(), bad.future());
  EXPECT_EQ(got, 0);
  good.set_result(9);
  EXPECT_EQ(got, 9);
  bad.set_exception(std::out_of_range("x"));
  EXPECT_TRUE(caught);
}

// ---- B: promises ------------------------------------------------------------------------------

TEST(Conformance, B01_set_running_on_pending_returns_true) {
  Promise<int> promise;
  EXPECT_TRUE(promise.set_running_or_notify_cancel());
  EXPECT_TRUE(promise.future().running());
}

TEST(Conformance, B02_set_running_on_cancelled_returns_false) {
  Promise<int> promise;
  promise.future().cancel();
  EXPECT_FALSE(promise.set_running_or_notify_cancel());
  EXPECT_TRUE(promise.future().cancelled());
}

TEST(Conformance, B03_set_running_in_any_other_state_throws) {
  InEachState in;
  EXPECT_THROW(in.running.set_running_or_notify_cancel(), InvalidStateError);
  EXPECT_THROW(in.returned.set_running_or_notify_cancel(), InvalidStateError);
  EXPECT_THROW(in.raised.set_running_or_notify_cancel(), InvalidStateError);
}

TEST(Conformance, B04_B05_the_first_result_or_exception_stands) {
  InEachState in;
  EXPECT_THROW(in.returned.set_result(1), InvalidStateError);
  EXPECT_THROW(in.returned.set_exception(std::runtime_error("x")), InvalidStateError);
  EXPECT_EQ(in.returned.future().result(), 42);
  EXPECT_THROW(in.raised.set_result(1), InvalidStateError);
  EXPECT_THROW(in.raised.set_exception(std::runtime_error("x")), InvalidStateError);
  EXPECT_THROW(in.raised.future().result(), std::out_of_range);
  EXPECT_THROW(in.cancelled.set_result(1), InvalidStateError);
  EXPECT_THROW(in.cancelled.set_exception(std::runtime_error("x")), InvalidStateError);
}

TEST(Conformance, B06_the_InvalidStateError_names_the_state_and_the_future) {
  InEachState in;
  try {
    in.returned.set_result(1);
    FAIL();
  } catch (const InvalidStateError& error) {
    EXPECT_THAT(error.what(), HasSubstr("finished"));
    EXPECT_THAT(error.what(), HasSubstr(text_of(in.returned.future())));
  }
}

TEST(Conformance, B07_a_cancelled_future_counts_as_complete_before_anybody_was_notified) {
  Promise<int> promise;
  promise.future().cancel();
  const std::vector<Future<int>> futures{promise.future()};
  EXPECT_THAT(wait(futures, 0s).done, SizeIs(1));
  int yielded = 0;
  for (auto& future : as_completed(futures, 0s)) yielded += future.cancelled() ? 1 : 0;
  EXPECT_EQ(yielded, 1);
}

TEST(Promise, let_go_of_without_a_result_its_future_ends_with_BrokenPromise) {
  std::optional<Promise<int>> promise(std::in_place);
  const Future<int> future = promise->future();
  promise.reset();
  EXPECT_THROW(future.result(0s), BrokenPromise);
}

TEST(Promise, replaced_by_another_its_future_ends_with_BrokenPromise) {
  Promise<int> promise;
  const Future<int> future = promise.future();
  promise = Promise<int>();
  EXPECT_THROW(future.result(0s), BrokenPromise);
  promise.set_result(1);
}

TEST(Promise, moved_it_stays_the_same_promise) {
  Promise<int> promise;
  const Future<int> future = promise.future();
  Promise<int> moved = std::move(promise);
  moved.set_result(1);
  EXPECT_EQ(future.result(0s), 1);
}

// ---- C: callbacks -----------------------------------------------------------------------------

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

TEST(Conformance, N04_a_callback_is_let_go_of_once_it_has_run) {
  Promise<int> promise;
  const auto kept = std::make_shared<int>();
  promise.future().add_done_callback([kept](const Future<int>&) {});
  EXPECT_EQ(kept.use_count(), 2);
  promise.set_result(1);
  EXPECT_EQ(kept.use_count(), 1);
}

TEST(Future, a_hundred_thousand_callbacks_that_never_run_are_let_go_of) {
  Promise<int> promise;
  for (int i = 0; i < 100'000; ++i)
    promise.future().add_running_callback([](const Future<int>&) {});
  promise.future().cancel();
}

// ---- D: wait ----------------------------------------------------------------------------------

struct ConformanceWait : testing::Test {
  InEachState in;
  Future<int> pending = in.pending.future(), running = in.running.future(),
              cancelled = in.cancelled.future(), returned = in.returned.future(),
              raised = in.raised.future();
};

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

// ---- E: as_completed --------------------------------------------------------------------------

TEST_F(ConformanceWait, E01_E02_yields_each_once_those_that_are_done_first) {
  std::vector<Future<int>> yielded;
  std::thread producer;
  for (auto& future : as_completed(std::vector{running, pending, returned, cancelled}, kPatience)) {
    yielded.push_back(future);
    if (yielded.size() == 2) {
      producer = std::thread([&] {
        pending.cancel();
        in.running.set_result(1);
      });
    }
  }
  producer.join();
  EXPECT_THAT(yielded, ElementsAre(returned, cancelled, pending, running));
}

TEST_F(ConformanceWait, E03_duplicates_are_yielded_once_and_any_input_range_will_do) {
  std::list<Future<int>> futures{returned, raised, returned, raised};
  int yielded = 0;
  for ([[maybe_unused]] auto& future : as_completed(futures)) ++yielded;
  EXPECT_EQ(yielded, 2);
  std::forward_list<Future<int>> one_way{raised, raised};
  for ([[maybe_unused]] auto& future : as_completed(one_way)) ++yielded;
  EXPECT_EQ(yielded, 3);
}

TEST_F(ConformanceWait, E03_two_ranges_over_the_same_futures_each_yield_them) {
  const std::vector futures{returned, raised, returned};
  int yielded = 0;
  auto one = as_completed(futures, kPatience);
  auto two = as_completed(futures, kPatience);
  for ([[maybe_unused]] auto& future : one) ++yielded;
  for ([[maybe_unused]] auto& future : two) ++yielded;
  EXPECT_EQ(yielded, 4);
}

TEST_F(ConformanceWait, E04_E05_E06_the_timeout_counts_from_the_call_and_names_what_is_unfinished) {
  int yielded = 0;
  try {
    for ([[maybe_unused]] auto& future : as_completed(std::vector{pending, returned, running}, 0s))
      ++yielded;
    FAIL() << "it ended";
  } catch (const TimeoutError& error) {
    EXPECT_STREQ(error.what(), "2 (of 3) futures unfinished");
    EXPECT_EQ(error.unfinished(), 2u);
  }
  EXPECT_EQ(yielded, 1);
}

TEST(Conformance, E07_the_iterator_keeps_no_yielded_future) {
  std::optional<Promise<std::string>> promise(std::in_place);
  std::vector<Future<std::string>> futures{promise->future()};
  promise->set_result("x");
  detail::StateBase* const state = &futures[0].shared_state();
  auto completed = as_completed(futures);
  auto at = completed.begin();
  futures.clear();
  promise.reset();
  EXPECT_TRUE(state->unique()) << "only the current one";
  Future<std::string> kept = *at;
  ++at;
  EXPECT_TRUE(state->unique()) << "and no longer";
}

TEST_F(ConformanceWait, E08_letting_go_of_the_range_takes_its_watches_away) {
  {
    auto completed = as_completed(std::vector{pending, running, returned});
    EXPECT_EQ(*completed.begin(), returned);
  }
  in.running.set_result(1);
  pending.cancel();
}

TEST_F(ConformanceWait, E09_the_order_of_completion_is_kept) {
  std::vector<Promise<int>> promises(10);
  std::vector<Future<int>> futures;
  for (const auto& promise : promises) futures.push_back(promise.future());
  auto completed = as_completed(futures, kPatience);
  for (const std::size_t i : {3u, 1u, 4u, 0u, 5u, 9u, 2u, 6u, 8u, 7u})
    promises[i].set_result(static_cast<int>(i));
  std::vector<int> order;
  for (auto& future : completed) order.push_back(future.result());
  EXPECT_THAT(order, ElementsAre(3, 1, 4, 0, 5, 9, 2, 6, 8, 7));
}

TEST_F(ConformanceWait, futures_can_be_added_while_iterating) {
  Promise<int> late;
  late.set_result(8);
  auto completed = as_completed(std::vector{returned}, kPatience);
  std::vector<int> results;
  for (auto& future : completed) {
    results.push_back(future.result());
    completed.add(late.future());
    completed.add(late.future());
  }
  EXPECT_THAT(results, ElementsAre(42, 8));
}

// ---- races ------------------------------------------------------------------------------------

TEST(Future, of_cancel_and_start_exactly_one_wins) {
  for (int i = 0; i < 500; ++i) {
    Promise<int> promise;
    std::atomic<int> won{0};
    std::thread canceller([&] { won += promise.future().cancel() ? 1 : 0; });
    won += promise.set_running_or_notify_cancel() ? 1 : 0;
    canceller.join();
    EXPECT_EQ(won, 1);
  }
}

TEST(Future, of_cancel_and_set_result_exactly_one_wins) {
  for (int i = 0; i < 500; ++i) {
    Promise<int> promise;
    std::atomic<int> won{0};
    std::thread canceller([&] { won += promise.future().cancel() ? 1 : 0; });
    try {
      promise.set_result(1);
      ++won;
    } catch (const InvalidStateError&) {
    }
    canceller.join();
    EXPECT_EQ(won, 1);
  }
}

TEST(Future, callbacks_added_while_it_completes_all_run_once) {
  for (int i = 0; i < 200; ++i) {
    Promise<int> promise;
    std::atomic<int> ran{0};
    std::thread adder([&] {
      for (int k = 0; k < 20; ++k)
        promise.future().add_done_callback([&](const Future<int>&) { ++ran; });
    });
    promise.set_result(1);
    adder.join();
    EXPECT_EQ(ran, 20);
  }
}

}  // namespace
}  // namespace flagship
