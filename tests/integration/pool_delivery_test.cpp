// SPDX-License-Identifier: MIT
// What a worker has finished reaches its future, whatever becomes of the worker.
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <flagship/flagship.hpp>
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
