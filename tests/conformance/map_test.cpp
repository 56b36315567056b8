// SPDX-License-Identifier: MIT
// Section M: map.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <flagship/flagship.hpp>
#include <iterator>
#include <limits>
#include <list>
#include <mutex>
#include <numeric>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/conformance/executors.hpp"
#include "tests/support/endings.hpp"
#include "tests/support/gate.hpp"
#include "tests/support/patience.hpp"
#include "tests/support/tasks.hpp"

namespace flagship::test {
namespace {

/// A value that can travel; those that live in this process are known by their number.
class Known {
 public:
  explicit Known(int number) : number_(number) { note(1); }
  Known(const Known& other) : number_(other.number_) { note(1); }
  Known& operator=(const Known&) = delete;
  ~Known() { note(-1); }
  int number() const { return number_; }

  static bool lives(int number) {
    const std::lock_guard lock(mutex);
    return living.contains(number);
  }

 private:
  void note(int change) const {
    const std::lock_guard lock(mutex);
    if (change > 0)
      living.insert(number_);
    else
      living.erase(living.find(number_));
  }
  static inline std::mutex mutex;
  static inline std::multiset<int> living;
  int number_;
};

}  // namespace
}  // namespace flagship::test

template <>
struct flagship::serializer<flagship::test::Known> {
  static void write(Writer& out, const test::Known& known) { out.put(known.number()); }
  static test::Known read(Reader& in) { return test::Known(in.get<int>()); }
};

namespace flagship::test {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;

Known make_known(int number) { return Known(number); }
int odd_only(int x) {
  if (x % 2 == 0) throw std::out_of_range("even");
  return x;
}
int throw_a_timeout_at_2(int x) {
  if (x == 2) throw TimeoutError("the task's own");
  return x;
}
/// Only the first item waits.
int first_waits_at(int x, const std::string& gate) {
  if (x == 0) pass(gate);
  return x;
}
int all_wait_at(int x, const std::string& gate, const std::string& file) {
  count_up(file);
  pass(gate);
  return x;
}

/// 0, 1, 2, ... without end, or `size` of them; notes how many were read.
struct Naturals {
  int size = std::numeric_limits<int>::max();
  int* read = nullptr;

  struct iterator {
    using iterator_concept = std::input_iterator_tag;
    using value_type = int;
    using difference_type = std::ptrdiff_t;
    const Naturals* of = nullptr;
    int at = 0;
    int operator*() const {
      if (of->read != nullptr) *of->read = std::max(*of->read, at + 1);
      return at;
    }
    iterator& operator++() {
      ++at;
      return *this;
    }
    void operator++(int) { ++at; }
    bool operator==(std::default_sentinel_t) const { return at >= of->size; }
  };
  iterator begin() const { return {this, 0}; }
  std::default_sentinel_t end() const { return {}; }
};

std::vector<int> numbers(int count) {
  std::vector<int> all(static_cast<std::size_t>(count));
  std::iota(all.begin(), all.end(), 0);
  return all;
}
std::vector<std::string> repeated(const std::string& text, std::size_t times) {
  return std::vector<std::string>(times, text);
}

/// What iterating yields: values, and -1 for what threw an E.
template <class E = std::exception, class R>
std::vector<int> collect(R&& results) {
  std::vector<int> all;
  for (auto it = results.begin(); it != results.end(); ++it) {
    try {
      all.push_back(*it);
    } catch (const E&) {
      all.push_back(-1);
    }
  }
  return all;
}

TEST_P(ConformancePools, M01_results_come_in_the_order_of_the_input) {
  Gate gate;
  const auto executor = make(2);
  const auto inputs = numbers(10);
  const auto gates = repeated(gate.path(), 10);
  auto results = executor->map<first_waits_at>(inputs, gates, MapOptions{.chunksize = 1});
  EXPECT_TRUE(wait_until([&] { return executor->status().queued == 0; })) << "the others are done";
  gate.open();
  EXPECT_EQ(collect(results), inputs);
}

TEST_P(ConformanceEverywhere, M01_M02_inputs_are_zipped_up_to_the_end_of_the_shortest) {
  const auto executor = make(2);
  std::vector<int> results;
  for (const int x : executor->map<add>(numbers(50), std::list{100, 200, 300}))
    results.push_back(x);
  EXPECT_THAT(results, ElementsAre(100, 201, 302));
}

TEST_P(ConformanceEverywhere, M03_all_calls_are_submitted_though_nobody_iterates) {
  Folder folder;
  const auto executor = make(2);
  auto range = executor->map<count>(repeated(folder.path("ran"), 20));
  EXPECT_TRUE(wait_until([&] { return counted(folder.path("ran")) == 20; }));
}

TEST_P(ConformanceEverywhere, M04_M05_M20_what_a_call_throws_comes_at_its_place_and_no_other) {
  const auto executor = make(2);
  for (const std::size_t chunksize : {0u, 1u, 3u, 100u}) {
    auto results = executor->map<odd_only>(numbers(7), MapOptions{.chunksize = chunksize});
    EXPECT_THAT(collect<std::out_of_range>(results), ElementsAre(-1, 1, -1, 3, -1, 5, -1));
  }
}

TEST_P(ConformancePools, M06_M07_after_the_timeout_nothing_is_left_and_the_rest_never_runs) {
  Gate gate;
  Folder folder;
  const auto executor = make(1);
  auto results = executor->map<all_wait_at>(numbers(20), repeated(gate.path(), 20),
                                            repeated(folder.path("ran"), 20),
                                            MapOptions{.timeout = kSoon, .chunksize = 1});
  ASSERT_TRUE(wait_until([&] { return counted(folder.path("ran")) == 1; }));
  auto at = results.begin();
  EXPECT_THROW(*at, TimeoutError);
  EXPECT_TRUE(at == results.end());
  gate.open();
  executor->shutdown();
  EXPECT_EQ(counted(folder.path("ran")), 1u);
}

TEST_P(ConformancePools, M06_the_timeout_counts_from_the_call_of_map) {
  Gate gate;
  const auto executor = make(1);
  const auto begin = std::chrono::steady_clock::now();
  auto results = executor->map<first_waits_at>(std::vector{1, 0}, repeated(gate.path(), 2),
                                               MapOptions{.timeout = 50 * kSoon, .chunksize = 1});
  EXPECT_TRUE(wait_until([&] { return std::chrono::steady_clock::now() > begin + 50 * kSoon; }));
  auto at = results.begin();
  EXPECT_EQ(*at, 1) << "what is there is given, however late";
  ++at;
  EXPECT_THROW(*at, TimeoutError);
  gate.open();
}

TEST_P(ConformanceEverywhere, M08_a_TimeoutError_of_the_task_does_not_end_the_map) {
  const auto executor = make(2);
  auto results = executor->map<throw_a_timeout_at_2>(numbers(5), MapOptions{.timeout = kPatience});
  EXPECT_THAT(collect<TimeoutError>(results), ElementsAre(0, 1, -1, 3, 4));
}

TEST_P(ConformancePools, M09_M10_letting_go_of_the_results_cancels_what_has_not_begun) {
  for (const std::size_t chunksize : {1u, 5u}) {
    Gate gate;
    Folder folder;
    const auto executor = make(1);
    {
      auto results = executor->map<all_wait_at>(numbers(20), repeated(gate.path(), 20),
                                                repeated(folder.path("ran"), 20),
                                                MapOptions{.chunksize = chunksize});
      ASSERT_TRUE(wait_until([&] { return counted(folder.path("ran")) == 1; }));
    }
    gate.open();
    executor->shutdown();
    EXPECT_EQ(counted(folder.path("ran")), in_processes() ? chunksize : 1u) << "what had begun";
  }
}

TEST_P(ConformanceEverywhere, M11_the_results_are_the_same_for_every_chunksize) {
  const auto executor = make(2);
  const auto inputs = numbers(40);
  for (const std::size_t chunksize : {0u, 1u, 6u, 40u, 50u})
    EXPECT_EQ(collect(executor->map<add>(inputs, inputs, MapOptions{.chunksize = chunksize})),
              collect(executor->map<add>(inputs, inputs)));
  EXPECT_EQ(collect(executor->map<square>(numbers(5000))).back(), 4999 * 4999)
      << "with chunks that grow";
}

TEST_P(ConformanceEverywhere, M12_M17_sizes_that_were_negative_are_invalid_arguments) {
  const auto executor = make(1);
  const auto negative = static_cast<std::size_t>(-1);
  EXPECT_THROW(executor->map<square>(numbers(3), MapOptions{.chunksize = negative}),
               std::invalid_argument);
  EXPECT_THROW(executor->map<square>(numbers(3), MapOptions{.buffersize = negative}),
               std::invalid_argument);
}

TEST_P(ConformanceEverywhere, M14_no_more_than_buffersize_items_are_read_ahead) {
  const auto executor = make(2);
  int read = 0;
  auto results =
      executor->map<square>(Naturals{.size = 50, .read = &read}, MapOptions{.buffersize = 4});
  EXPECT_EQ(read, 4);
  int taken = 0;
  for (const int y : results) {
    EXPECT_EQ(y, taken * taken);
    ++taken;
    EXPECT_LE(read, taken + 4);
  }
  EXPECT_EQ(taken, 50);
}

TEST_P(ConformanceEverywhere, M15_with_buffersize_the_input_may_be_endless) {
  const auto executor = make(2);
  for (const MapOptions& options :
       {MapOptions{.buffersize = 1}, MapOptions{.chunksize = 3, .buffersize = 7}, MapOptions{}}) {
    int taken = 0;
    for (const int sum : executor->map<add>(Naturals{}, Naturals{}, options)) {
      EXPECT_EQ(sum, 2 * taken);
      if (++taken == 100) break;
    }
    EXPECT_EQ(taken, 100);
  }
}

TEST_P(ConformanceEverywhere, M16_buffersize_goes_with_several_inputs_and_with_none_at_all) {
  const auto executor = make(2);
  EXPECT_THAT(collect(executor->map<add>(Naturals{}, numbers(3), MapOptions{.buffersize = 2})),
              ElementsAre(0, 2, 4));
  EXPECT_THAT(collect(executor->map<add>(numbers(0), Naturals{}, MapOptions{.buffersize = 2})),
              IsEmpty());
  EXPECT_THAT(collect(executor->map<square>(numbers(0))), IsEmpty());
}

TEST_P(ConformanceEverywhere, M18_an_executor_that_was_shut_down_is_fed_no_more) {
  auto executor = make(2);
  auto results = executor->map<square>(Naturals{}, MapOptions{.buffersize = 3});
  auto at = results.begin();
  EXPECT_EQ(*at, 0);
  executor.let_go();
  std::vector<int> rest;
  for (++at; at != results.end(); ++at) rest.push_back(*at);
  EXPECT_THAT(rest, ElementsAre(1, 4)) << "what had been submitted";
}

TEST_P(ConformanceEverywhere, M19_a_result_goes_when_the_next_one_is_asked_for) {
  const auto executor = make(2);
  auto results = executor->map<make_known>(numbers(3));
  int number = 0;
  for (auto at = results.begin(); at != results.end(); ++number) {
    EXPECT_EQ((*at).number(), number);
    EXPECT_TRUE(Known::lives(number));
    ++at;
    EXPECT_TRUE(wait_until([&] { return !Known::lives(number); }));
  }
  EXPECT_EQ(number, 3);
}

TEST_P(ConformancePools, M04_a_call_without_result_can_be_mapped) {
  const auto executor = make(1);
  auto results = executor->map<throw_kind>(std::vector<std::string>{"none", "out_of_range"});
  auto at = results.begin();
  EXPECT_NO_THROW(*at);
  EXPECT_THROW(*++at, std::out_of_range);
}

}  // namespace
}  // namespace flagship::test
