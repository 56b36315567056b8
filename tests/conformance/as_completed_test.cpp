// SPDX-License-Identifier: MIT
// Section E: as_completed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <flagship/flagship.hpp>
#include <forward_list>
#include <list>
#include <optional>
#include <set>
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
using testing::ElementsAre;
using testing::SizeIs;

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

// ---- of calls ---------------------------------------------------------------------------------

TEST_P(ConformanceEverywhere, E01_E03_yields_each_call_once) {
  const auto executor = make(3);
  std::vector<Future<int>> futures;
  for (int i = 0; i < 500; ++i) futures.push_back(executor->submit<square>(i));
  futures.push_back(futures.front());
  std::multiset<int> results;
  for (auto& done : as_completed(futures, kPatience)) results.insert(done.result());
  EXPECT_THAT(results, SizeIs(500));
  EXPECT_EQ(std::set<int>(results.begin(), results.end()).size(), 500u);
}

TEST_P(ConformancePools, E04_E05_E06_what_is_done_comes_before_the_TimeoutError) {
  Gate gate;
  const auto executor = make(2);
  const Future<int> quick = executor->submit<square>(3);
  const Future<int> slow = executor->submit<wait_at>(gate.path(), 2);
  EXPECT_EQ(quick.result(kPatience), 9);
  for (const duration timeout : {duration(0), duration(kSoon)}) {
    std::vector<Future<int>> yielded;
    try {
      for (auto& done : as_completed(std::vector{slow, quick}, timeout)) yielded.push_back(done);
      ADD_FAILURE() << "it ended";
    } catch (const TimeoutError& error) {
      EXPECT_STREQ(error.what(), "1 (of 2) futures unfinished");
    }
    EXPECT_THAT(yielded, ElementsAre(quick));
  }
  gate.open();
}

}  // namespace
}  // namespace flagship::test
