// SPDX-License-Identifier: MIT
// The executors that need no process: what is no row of tests/conformance.
#include "flagship/executor.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>

#include "tests/support/patience.hpp"

namespace {

int square(int x) { return x * x; }
std::size_t where() { return std::hash<std::thread::id>()(std::this_thread::get_id()); }
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

// The same for every executor that runs calls in this process.
template <class E>
struct InProcess : testing::Test {
  E executor;
};
using Executors = testing::Types<InlineExecutor, ThreadPoolExecutor>;
TYPED_TEST_SUITE(InProcess, Executors);

TYPED_TEST(InProcess, named_tasks_run_too) {
  EXPECT_EQ(this->executor.template submit_named<int>("unit.square", 5).result(kPatience), 25);
  EXPECT_EQ(
      this->executor.template submit_named<int>("unit.size", std::string("abc")).result(kPatience),
      3);
  EXPECT_THROW(this->executor.template submit_named<int>("unit.none", 5).result(kPatience),
               UnknownTask);
  EXPECT_THROW(this->executor.template submit_named<int>("unit.square", 5, 6).result(kPatience),
               SerializationError);
}

TYPED_TEST(InProcess, retries_are_made_as_often_as_asked) {
  calls_left_to_fail = 2;
  auto view = this->executor.with({.retries = 2});
  Future<int> future = view.template submit<fail_at_first>(3);
  EXPECT_EQ(future.result(kPatience), 3);
  EXPECT_EQ(future.try_outcome()->attempt, 3);
  calls_left_to_fail = 5;
  EXPECT_THROW(view.template submit<fail_at_first>(3).result(kPatience), std::runtime_error);
  EXPECT_EQ(calls_left_to_fail, 2);
}

TYPED_TEST(InProcess, a_call_prints_by_the_name_it_was_given) {
  std::ostringstream out;
  Future<int> future = this->executor.with({.name = "my call"}).template submit<square>(1);
  future.result(kPatience);
  out << future;
  EXPECT_THAT(out.str(), testing::HasSubstr(" my call state=finished"));
}

TEST(InlineExecutor, runs_the_call_within_submit) {
  InlineExecutor executor;
  Future<std::size_t> future = executor.submit<where>();
  EXPECT_TRUE(future.done());
  EXPECT_EQ(future.result(), where());
}

TEST(ThreadPool, status_stays_sane_while_the_pool_ends) {
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

TEST(ThreadPool, callbacks_may_submit) {
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
