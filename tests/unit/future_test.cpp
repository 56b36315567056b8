// SPDX-License-Identifier: MIT
// Futures and promises: what is no row of tests/conformance.
#include "flagship/future.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <coroutine>
#include <exception>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "flagship/wait.hpp"
#include "tests/support/patience.hpp"

namespace flagship {
namespace {

using namespace std::chrono_literals;
using test::kPatience;
using testing::ElementsAre;

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

TEST(Future, a_hundred_thousand_callbacks_that_never_run_are_let_go_of) {
  Promise<int> promise;
  for (int i = 0; i < 100'000; ++i)
    promise.future().add_running_callback([](const Future<int>&) {});
  promise.future().cancel();
}

TEST(Future, futures_can_be_added_while_iterating) {
  Promise<int> first, late;
  first.set_result(42);
  late.set_result(8);
  auto completed = as_completed(std::vector{first.future()}, kPatience);
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
