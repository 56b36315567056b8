// SPDX-License-Identifier: MIT
// What a worker has finished reaches its future, whatever becomes of the worker.
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <flagship/flagship.hpp>
#include <numeric>
#include <string>
#include <vector>

#include "tests/support/gate.hpp"
#include "tests/support/patience.hpp"

namespace {

using namespace flagship;
using namespace flagship::test;
using namespace std::chrono_literals;

int thrice(int x) { return 3 * x; }
int pass_gate(const std::string& gate) {
  pass(gate);
  return 1;
}
int die_at(int x, int fatal) {
  if (x == fatal) raise(SIGKILL);
  return x;
}
std::string text_or_death(int x, int fatal) {
  if (x == fatal) raise(SIGKILL);
  return std::string(static_cast<std::size_t>(x), 'x');
}

int die_at_some(int x) {
  if (x == 0 || x == 77 || x == 78 || x == 5000 || x == 19'999) raise(SIGKILL);
  return x;
}
std::string many_letters(int x) { return std::string(static_cast<std::size_t>(x) * 100, 'x'); }
int hang_at_30(int x) {
  while (x == 30) pause();
  return x;
}

struct Unwritable {
  int number = 0;
};
int number_of(const Unwritable& unwritable) { return unwritable.number; }

}  // namespace

template <>
struct flagship::serializer<Unwritable> {
  static void write(Writer& out, const Unwritable& value) {
    if (value.number == 50) throw SerializationError("number 50 stays here");
    out.put(value.number);
  }
  static Unwritable read(Reader& in) { return {in.get<int>()}; }
};

namespace {

TEST(Delivery, one_death_costs_one_call_however_many_were_on_their_way) {
  ProcessPoolExecutor pool({.max_workers = 2});
  for (int round = 0; round < 10; ++round) {
    std::vector<Future<int>> futures;
    for (int i = 0; i < 3000; ++i) futures.push_back(pool.submit<die_at>(i, 1500 + 97 * round));
    int died = 0;
    for (int i = 0; i < 3000; ++i) {
      try {
        EXPECT_EQ(futures[static_cast<std::size_t>(i)].result(kPatience), i);
      } catch (const WorkerDied& death) {
        EXPECT_EQ(i, 1500 + 97 * round);
        EXPECT_EQ(death.signal(), SIGKILL);
        ++died;
      }
    }
    EXPECT_EQ(died, 1);
  }
}

TEST(Delivery, results_of_any_size_outlive_their_worker) {
  ProcessPoolExecutor pool({.max_workers = 1});
  std::vector<Future<std::string>> futures;
  for (int i = 0; i < 400; ++i) futures.push_back(pool.submit<text_or_death>(i * 300, 119'700));
  for (int i = 0; i < 399; ++i)
    EXPECT_EQ(futures[static_cast<std::size_t>(i)].result(kPatience).size(),
              static_cast<std::size_t>(i) * 300);
  EXPECT_THROW(futures[399].result(kPatience), WorkerDied);
}

/// What came of each item of a map: its value, or -1 for one whose worker died in it.
template <class Range>
std::vector<int> outcomes(Range&& results) {
  std::vector<int> all;
  for (auto it = results.begin(); it != results.end(); ++it) {
    try {
      all.push_back(*it);
    } catch (const WorkerDied&) {
      all.push_back(-1);
    } catch (const TaskTimeout&) {
      all.push_back(-2);
    } catch (const SerializationError&) {
      all.push_back(-3);
    }
  }
  return all;
}

std::vector<int> numbers(int count) {
  std::vector<int> all(static_cast<std::size_t>(count));
  std::iota(all.begin(), all.end(), 0);
  return all;
}

TEST(Delivery, a_death_costs_one_item_of_a_map_whatever_its_chunks) {
  const std::vector<int> input = numbers(20'000);
  for (const std::size_t chunksize : {0u, 1u, 7u, 1000u}) {
    ProcessPoolExecutor pool({.max_workers = 2});
    std::vector<int> expected = input;
    for (const std::size_t fatal : {0u, 77u, 78u, 5000u, 19'999u}) expected[fatal] = -1;
    EXPECT_EQ(outcomes(pool.map<die_at_some>(input, MapOptions{.chunksize = chunksize})), expected)
        << "chunks of " << chunksize;
  }
}

TEST(Delivery, items_with_much_to_say_travel_in_smaller_chunks) {
  ProcessPoolExecutor pool({.max_workers = 2});
  for (const std::size_t chunksize : {0u, 40u}) {
    int i = 0;
    for (const std::string& text :
         pool.map<many_letters>(numbers(400), MapOptions{.chunksize = chunksize}))
      EXPECT_EQ(text.size(), static_cast<std::size_t>(i++) * 100);
    EXPECT_EQ(i, 400);
  }
}

TEST(Delivery, an_item_that_runs_too_long_costs_itself_alone) {
  ProcessPoolExecutor pool({.max_workers = 2, .task_timeout = 100ms});
  std::vector<int> expected = numbers(100);
  expected[30] = -2;
  EXPECT_EQ(outcomes(pool.map<hang_at_30>(numbers(100))), expected);
}

TEST(Delivery, an_item_that_cannot_be_written_costs_itself_alone) {
  ProcessPoolExecutor pool({.max_workers = 2});
  std::vector<Unwritable> input;
  for (int i = 0; i < 100; ++i) input.push_back({i});
  for (const std::size_t chunksize : {0u, 16u}) {
    std::vector<int> expected = numbers(100);
    expected[50] = -3;
    EXPECT_EQ(outcomes(pool.map<number_of>(input, MapOptions{.chunksize = chunksize})), expected);
  }
}

TEST(Delivery, results_of_short_calls_do_not_wait_for_the_long_one_behind_them) {
  const Gate gate;
  ProcessPoolExecutor pool({.max_workers = 1});
  for (int i = 0; i < 50; ++i)
    pool.submit<thrice>(i).result();  // short: some are handed over ahead
  std::vector<Future<int>> before, after;
  for (int i = 0; i < 20; ++i) before.push_back(pool.submit<thrice>(i));
  const Future<int> held_up = pool.submit<pass_gate>(gate.path());
  for (int i = 0; i < 20; ++i) after.push_back(pool.submit<thrice>(i));
  for (int i = 0; i < 20; ++i)
    EXPECT_EQ(before[static_cast<std::size_t>(i)].result(kPatience), 3 * i);
  EXPECT_FALSE(held_up.done());
  gate.open();
  for (int i = 0; i < 20; ++i)
    EXPECT_EQ(after[static_cast<std::size_t>(i)].result(kPatience), 3 * i);
}

}  // namespace
