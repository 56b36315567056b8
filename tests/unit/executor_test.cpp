// SPDX-License-Identifier: MIT
// The executors that need no process: conformance.md, sections F, K and P where they apply.
#include "flagship/executor.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <latch>
#include <set>
#include <thread>

#include "flagship/wait.hpp"
#include "tests/support/patience.hpp"

namespace {

int square(int x) { return x * x; }
std::size_t where() { return std::hash<std::thread::id>()(std::this_thread::get_id()); }
void throw_out_of_range() { throw std::out_of_range("thrown"); }
struct OwnError {};
void throw_own() { throw OwnError(); }
int take_by_value(std::string text) { return static_cast<int>(text.size()); }

std::atomic<int> calls_left_to_fail{0};
int fail_at_first(int x) {
  if (calls_left_to_fail-- > 0) throw std::runtime_error("not yet");
  return x;
}

}  // namespace

FLAGSHIP_TASK("unit.square", square)
FLAGSHIP_TASK("unit.size", take_by_value);

namespace flagship {
namespace {

using namespace std::chrono_literals;
using test::kPatience;
using test::wait_until;
using testing::SizeIs;

// The same for every executor that runs calls in this process.
template <class E>
struct ConformanceInProcess : testing::Test {
  E executor;
};
using Executors = testing::Types<InlineExecutor, ThreadPoolExecutor>;
TYPED_TEST_SUITE(ConformanceInProcess, Executors);

TYPED_TEST(ConformanceInProcess, F01_submit_returns_a_future_with_the_result) {
  Future<int> future = this->executor.template submit<square>(7);
  EXPECT_EQ(future.result(kPatience), 49);
  EXPECT_EQ(future.try_outcome()->attempt, 1);
  EXPECT_EQ(this->executor.template submit<take_by_value>("four").result(kPatience), 4);
}

TYPED_TEST(ConformanceInProcess, exceptions_keep_their_own_type) {
  EXPECT_THROW(this->executor.template submit<throw_out_of_range>().result(kPatience),
               std::out_of_range);
  EXPECT_THROW(this->executor.template submit<throw_own>().result(kPatience), OwnError);
}

TYPED_TEST(ConformanceInProcess, named_tasks_run_too) {
  EXPECT_EQ(this->executor.template submit_named<int>("unit.square", 5).result(kPatience), 25);
  EXPECT_EQ(
      this->executor.template submit_named<int>("unit.size", std::string("abc")).result(kPatience),
      3);
  EXPECT_THROW(this->executor.template submit_named<int>("unit.none", 5).result(kPatience),
               UnknownTask);
  EXPECT_THROW(this->executor.template submit_named<int>("unit.square", 5, 6).result(kPatience),
               SerializationError);
}

TYPED_TEST(ConformanceInProcess, retries_are_made_as_often_as_asked) {
  calls_left_to_fail = 2;
  auto view = this->executor.with({.retries = 2});
  Future<int> future = view.template submit<fail_at_first>(3);
  EXPECT_EQ(future.result(kPatience), 3);
  EXPECT_EQ(future.try_outcome()->attempt, 3);
  calls_left_to_fail = 5;
  EXPECT_THROW(view.template submit<fail_at_first>(3).result(kPatience), std::runtime_error);
  EXPECT_EQ(calls_left_to_fail, 2);
}

TYPED_TEST(ConformanceInProcess, a_call_prints_by_the_name_it_was_given) {
  std::ostringstream out;
  Future<int> future = this->executor.with({.name = "my call"}).template submit<square>(1);
  future.result(kPatience);
  out << future;
  EXPECT_THAT(out.str(), testing::HasSubstr(" my call state=finished"));
}

TYPED_TEST(ConformanceInProcess, K01_K07_submit_after_shutdown_throws) {
  this->executor.shutdown();
  this->executor.shutdown();
  EXPECT_THROW(this->executor.template submit<square>(1), ShutdownError);
  try {
    this->executor.template submit<square>(1);
  } catch (const ShutdownError& error) {
    EXPECT_STREQ(error.what(), "cannot schedule new futures after shutdown");
  }
}

TYPED_TEST(ConformanceInProcess, P09_AnyExecutor_is_a_view_of_any_of_them) {
  AnyExecutor any(this->executor);
  EXPECT_EQ(any.submit<square>(4).result(kPatience), 16);
  EXPECT_EQ(any.with({}).submit<square>(4).result(kPatience), 16);
  static_assert(executor<TypeParam> && executor<AnyExecutor> && executor<ExecutorView>);
}

TYPED_TEST(ConformanceInProcess, K09_results_stay_readable_after_the_executor) {
  std::optional<Future<int>> future;
  {
    TypeParam other;
    future = other.template submit<square>(3);
  }
  EXPECT_EQ(future->result(0s), 9);
}

TEST(InlineExecutor, runs_the_call_within_submit) {
  InlineExecutor executor;
  Future<std::size_t> future = executor.submit<where>();
  EXPECT_TRUE(future.done());
  EXPECT_EQ(future.result(), where());
}

// ---- threads ----------------------------------------------------------------------------------

/// Holds all threads of a pool until it is opened.
struct Gate {
  std::promise<void> promise;
  std::shared_future<void> opened = promise.get_future().share();
  void open() { promise.set_value(); }
};
Gate* current_gate = nullptr;
int through_gate(int x) {
  current_gate->opened.wait();
  return x;
}

struct ConformanceThreads : testing::Test {
  ConformanceThreads() { current_gate = &held; }
  Gate held;
};

TEST_F(ConformanceThreads, F03_a_negative_number_of_threads_is_an_invalid_argument) {
  EXPECT_THROW(ThreadPoolExecutor({.max_workers = -1}), std::invalid_argument);
}

TEST_F(ConformanceThreads, F13_submit_is_safe_from_many_threads_at_once) {
  ThreadPoolExecutor executor({.max_workers = 4});
  std::atomic<long> sum{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      std::vector<Future<int>> futures;
      for (int i = 0; i < 500; ++i) futures.push_back(executor.submit<square>(1));
      for (auto& done : as_completed(futures, kPatience)) sum += done.result();
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(sum, 2000);
}

TEST_F(ConformanceThreads, A05_a_call_that_waits_can_be_cancelled) {
  ThreadPoolExecutor executor({.max_workers = 1});
  Future<int> running = executor.submit<through_gate>(1);
  Future<int> waiting = executor.submit<through_gate>(2);
  ASSERT_TRUE(wait_until([&] { return running.running(); }));
  EXPECT_TRUE(waiting.cancel());
  EXPECT_FALSE(running.cancel());
  held.open();
  EXPECT_EQ(running.result(kPatience), 1);
  EXPECT_TRUE(waiting.cancelled());
}

TEST_F(ConformanceThreads, P02_an_idle_thread_is_used_again_before_a_new_one_starts) {
  ThreadPoolExecutor executor({.max_workers = 8});
  std::set<std::size_t> threads;
  for (int i = 0; i < 10; ++i) {
    threads.insert(executor.submit<where>().result(kPatience));
    ASSERT_TRUE(wait_until([&] { return executor.status().running == 0; }));
  }
  EXPECT_THAT(threads, SizeIs(1));
}

TEST_F(ConformanceThreads, P03_no_more_threads_than_max_workers_run) {
  ThreadPoolExecutor executor({.max_workers = 3});
  std::vector<Future<int>> futures;
  for (int i = 0; i < 20; ++i) futures.push_back(executor.submit<through_gate>(i));
  const auto running = [&] { return std::ranges::count_if(futures, &Future<int>::running); };
  ASSERT_TRUE(wait_until([&] { return running() == 3; }));
  EXPECT_EQ(executor.status().queued, 17u);
  held.open();
  EXPECT_EQ(wait(futures, kPatience).done.size(), 20u);
}

TEST_F(ConformanceThreads, K02_P04_shutdown_waits_for_all_work) {
  ThreadPoolExecutor executor({.max_workers = 2});
  std::vector<Future<int>> futures;
  for (int i = 0; i < 20; ++i) futures.push_back(executor.submit<square>(i));
  executor.shutdown();
  for (const Future<int>& future : futures) EXPECT_TRUE(future.done());
}

TEST_F(ConformanceThreads, K03_K04_shutdown_without_wait_may_cancel_what_has_not_begun) {
  ThreadPoolExecutor executor({.max_workers = 1});
  Future<int> running = executor.submit<through_gate>(1);
  ASSERT_TRUE(wait_until([&] { return running.running(); }));
  Future<int> waiting = executor.submit<through_gate>(2);
  executor.shutdown({.wait = false, .cancel_futures = true});
  EXPECT_TRUE(waiting.cancelled());
  EXPECT_FALSE(running.done());
  held.open();
  EXPECT_EQ(running.result(kPatience), 1);
}

TEST_F(ConformanceThreads, K07_every_shutdown_waits_also_when_several_threads_call_it) {
  ThreadPoolExecutor executor({.max_workers = 2});
  std::vector<Future<int>> futures;
  for (int i = 0; i < 4; ++i) futures.push_back(executor.submit<through_gate>(i));
  std::latch called(4);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      called.count_down();
      executor.shutdown();
      for (const Future<int>& future : futures) EXPECT_TRUE(future.done());
    });
  }
  called.wait();
  held.open();
  for (std::thread& thread : threads) thread.join();
}

TEST_F(ConformanceThreads, status_stays_sane_while_the_pool_ends) {
  for (int i = 0; i < 50; ++i) {
    ThreadPoolExecutor executor({.max_workers = 4});
    for (int k = 0; k < 8; ++k) executor.submit<square>(k);
    std::thread asker([&] {
      for (int k = 0; k < 50; ++k) EXPECT_LE(executor.status().running, 4u);
    });
    executor.shutdown();
    asker.join();
  }
}

TEST_F(ConformanceThreads, callbacks_may_submit) {
  ThreadPoolExecutor executor({.max_workers = 2});
  std::atomic<int> done{0};
  for (int i = 0; i < 50; ++i) {
    executor.submit<square>(i).add_done_callback([&](const Future<int>&) {
      executor.submit<square>(1).add_done_callback([&](const Future<int>&) { ++done; });
    });
  }
  EXPECT_TRUE(wait_until([&] { return done == 50; }));
}

}  // namespace
}  // namespace flagship
