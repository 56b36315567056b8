// SPDX-License-Identifier: MIT
// The process pool with much: calls, items, bytes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <flagship/flagship.hpp>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/patience.hpp"

namespace {

using namespace flagship;
using namespace flagship::test;
using testing::Each;
using testing::HasSubstr;

constexpr std::size_t kMiB = std::size_t{1} << 20;

long long twice(long long x) { return 2 * x; }
int throw_unless_even(int x) {
  if (x % 2 != 0) throw std::out_of_range("odd");
  return x;
}
std::string mirror(std::string text) { return text; }
std::size_t length_of(const std::string& text) { return text.size(); }
std::string letters(std::size_t count) { return std::string(count, 'x'); }

/// 0, 1, 2, ... without end. Not std::views::iota: clang 14 cannot compile it.
struct Numbers {
  struct iterator {
    using value_type = long long;
    using difference_type = std::ptrdiff_t;
    long long number = 0;
    long long operator*() const { return number; }
    iterator& operator++() {
      ++number;
      return *this;
    }
    iterator operator++(int) { return {number++}; }
    bool operator==(std::unreachable_sentinel_t) const { return false; }
    bool operator==(const iterator&) const = default;
  };
  iterator begin() const { return {}; }
  std::unreachable_sentinel_t end() const { return {}; }
};

std::size_t resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  std::size_t size = 0, resident = 0;
  statm >> size >> resident;
  return resident * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}

/// Takes that many items off a map over all numbers; the most that was resident meanwhile.
std::size_t map_numbers(ProcessPoolExecutor& pool, long long items) {
  std::size_t most = 0;
  long long taken = 0, wrong = 0;
  for (const long long value : pool.map<twice>(Numbers{})) {
    wrong += value != 2 * taken ? 1 : 0;
    if (taken % 4096 == 0) most = std::max(most, resident_bytes());
    if (++taken == items) break;
  }
  EXPECT_EQ(taken, items);
  EXPECT_EQ(wrong, 0);
  return most;
}

template <class T>
std::string serialization_error_of(const Future<T>& future) {
  try {
    if (auto error = future.exception(kPatience)) std::rethrow_exception(error);
  } catch (const SerializationError& error) {
    return error.what();
  }
  return "none";
}

TEST(PoolVolume, two_hundred_thousand_calls_of_eight_threads_end_once_each) {
  constexpr int kThreads = 8, kCalls = 25'000;
  ProcessPoolExecutor pool({.max_workers = 2});
  std::atomic<int> told{0};
  std::vector<int> returned(kThreads), raised(kThreads);
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      std::vector<Future<int>> futures;
      for (int i = 0; i < kCalls; ++i) {
        futures.push_back(pool.submit<throw_unless_even>(i));
        futures.back().add_done_callback([&told](const Future<int>&) { ++told; });
      }
      for (int i = 0; i < kCalls; ++i) {
        const Future<int>& future = futures[static_cast<std::size_t>(i)];
        if (future.exception(kPatience))
          raised[t] += i % 2;
        else
          returned[t] += future.result() == i ? 1 : 0;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(returned, Each(kCalls / 2));
  EXPECT_THAT(raised, Each(kCalls / 2));
  pool.shutdown();
  EXPECT_EQ(told, kThreads * kCalls);
}

TEST(PoolVolume, a_map_over_numbers_without_end_keeps_memory_flat) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "a sanitizer keeps what is freed";
#endif
  ProcessPoolExecutor pool({.max_workers = 2});
  map_numbers(pool, 50'000);
  const std::size_t before = resident_bytes();
  const std::size_t most = map_numbers(pool, 1'000'000);
  EXPECT_LT(most, before + 32 * kMiB);
}

double half(double x) { return x / 2; }

// Such items are written together.
TEST(PoolVolume, numbers_beside_each_other_arrive_as_they_lie_whatever_the_bounds) {
  ProcessPoolExecutor pool({.max_workers = 2});
  std::vector<double> numbers(20'000);
  for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = 1.0 / static_cast<double>(i + 1);
  for (const MapOptions& options :
       {MapOptions{}, MapOptions{.chunksize = 7}, MapOptions{.chunksize = 90, .buffersize = 13},
        MapOptions{.chunksize = 100'000}}) {
    std::size_t i = 0;
    for (const double result : pool.map<half>(numbers, options)) {
      ASSERT_EQ(result, numbers[i] / 2) << i;
      ++i;
    }
    EXPECT_EQ(i, numbers.size());
  }
}

enum class Colour : std::uint8_t { red, green, blue };
int number_of(Colour colour) { return static_cast<int>(colour); }
int sum_of(const std::vector<Colour>& colours) {
  int sum = 0;
  for (const Colour colour : colours) sum = 10 * sum + number_of(colour);
  return sum;
}

}  // namespace

/// Not as it lies in memory.
template <>
struct flagship::serializer<Colour> {
  static void write(Writer& out, const Colour& colour) {
    out.put(std::string(static_cast<std::size_t>(colour), 'c'));
  }
  static Colour read(Reader& in) { return static_cast<Colour>(in.get<std::string>().size()); }
};

namespace {

TEST(PoolVolume, numbers_with_a_serializer_of_their_own_travel_by_that) {
  ProcessPoolExecutor pool({.max_workers = 1});
  const std::vector<Colour> colours{Colour::blue, Colour::red, Colour::green};
  std::vector<int> numbers;
  for (const int number : pool.map<number_of>(colours)) numbers.push_back(number);
  EXPECT_EQ(numbers, (std::vector{2, 0, 1}));
  EXPECT_EQ(pool.submit<sum_of>(colours).result(kPatience), 201);
}

TEST(PoolVolume, payloads_of_64_MiB_travel_both_ways) {
  ProcessPoolExecutor pool({.max_workers = 1});
  const std::string text(64 * kMiB, 'y');
  EXPECT_TRUE(pool.submit<mirror>(text).result(kPatience) == text);
}

// Each lies differently from every other, at each place.
std::string text_of(unsigned call) {
  std::string text(5 * kMiB + call, '\0');
  for (std::size_t i = 0; i < text.size(); ++i)
    text[i] = static_cast<char>((i + call * 7919) * 2654435761u >> 15);
  return text;
}

TEST(PoolVolume, payloads_of_several_MiB_are_those_of_their_calls) {
  ProcessPoolExecutor pool({.max_workers = 2});
  std::vector<Future<std::string>> large;
  std::vector<Future<std::size_t>> small;
  for (unsigned i = 0; i < 12; ++i) {
    large.push_back(pool.submit<mirror>(text_of(i)));
    small.push_back(pool.submit<length_of>(std::string(i, 'x')));
  }
  for (unsigned i = 0; i < 12; ++i) {
    EXPECT_TRUE(large[i].result(kPatience) == text_of(i)) << i;
    EXPECT_EQ(small[i].result(kPatience), i);
  }
}

TEST(PoolVolume, arguments_above_256_MiB_fail_only_their_own_call) {
  ProcessPoolExecutor pool({.max_workers = 1});
  EXPECT_THAT(serialization_error_of(pool.submit<length_of>(letters(257 * kMiB))),
              HasSubstr("max_message_bytes"));
  EXPECT_EQ(pool.submit<length_of>("alive").result(kPatience), 5u);
}

TEST(PoolVolume, results_above_256_MiB_fail_only_their_own_call) {
  ProcessPoolExecutor pool({.max_workers = 1});
  EXPECT_EQ(pool.submit<length_of>("first").result(kPatience), 5u);
  const pid_t before = pool.status().workers.at(0).pid;
  EXPECT_THAT(serialization_error_of(pool.submit<letters>(257 * kMiB)),
              HasSubstr("max_message_bytes"));
  EXPECT_EQ(pool.submit<length_of>("alive").result(kPatience), 5u);
  EXPECT_EQ(pool.status().workers.at(0).pid, before) << "the worker lives";
}

}  // namespace
