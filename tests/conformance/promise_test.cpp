// SPDX-License-Identifier: MIT
// Section B: promises, for tests and authors of executors.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <flagship/flagship.hpp>
#include <stdexcept>
#include <type_traits>
#include <vector>

#include "tests/conformance/in_each_state.hpp"
#include "tests/support/tasks.hpp"

namespace flagship::test {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::SizeIs;

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

TEST(Conformance, B08_a_future_comes_from_submit_or_from_a_promise) {
  static_assert(!std::is_default_constructible_v<Future<int>>);
  Promise<int> promise;
  const Future<int> own = promise.future();
  promise.set_result(4);
  InlineExecutor executor;
  const Future<int> submitted = executor.submit<square>(2);
  EXPECT_EQ(own.result(), submitted.result());
  EXPECT_THAT(wait(std::vector{own, submitted}, 0s).done, SizeIs(2));
}

}  // namespace
}  // namespace flagship::test
