// SPDX-License-Identifier: MIT
// A random worker is hit every 20 ms while calls run: each call ends once, and once only, and the
// pool is whole at the end. What processes, descriptors and files are left is counted after each
// test (tests/support/census.hpp).
#include <gtest/gtest.h>
#include <signal.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <flagship/flagship.hpp>
#include <thread>
#include <vector>

#include "tests/chaos/calls.hpp"
#include "tests/chaos/setting.hpp"
#include "tests/chaos/storm.hpp"
#include "tests/support/patience.hpp"

namespace flagship::chaos {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
using Futures = std::vector<Future<std::string>>;

constexpr std::size_t kWorkers = 4;
constexpr std::size_t kUnderWay = 200;  // calls, while they are cancelled and interrupted
constexpr auto kLongPatience = 10 * test::kPatience;

// ---- killed, and nothing else -------------------------------------------------------------------

class KilledWorkers : public testing::Test {
 protected:
  KilledWorkers() {
    for (std::size_t i = 0; i < calls_.count(); ++i)
      calls_[i].task.micros = static_cast<std::uint32_t>(dice_.roll(200));
  }

  /// Half of the calls one by one, the other half through map, beside each other.
  void run_all(const ProcessPoolExecutor& pool) {
    const std::size_t half = calls_.count() / 2;
    Futures futures;
    for (std::size_t i = 0; i < half; ++i) futures.push_back(submit(pool, calls_, i));
    map_from(half, pool, calls_);
    for (std::size_t i = 0; i < half; ++i)
      calls_[i].end = end_of(calls_[i].task, [&] { return futures[i].result(kLongPatience); });
  }

  /// How many were killed.
  std::size_t run_under_fire(OnWorkerDeath policy) {
    const auto begin = Clock::now();
    ProcessPoolExecutor pool({.max_workers = static_cast<int>(kWorkers),
                              .on_worker_death = policy,
                              .max_attempts = 1000});
    Storm storm(pool, dice_.seed() + 1, {SIGKILL}, calls_.ended());
    run_all(pool);
    const std::size_t killed = storm.stop();
    expect_whole(pool, kWorkers);
    EXPECT_GT(killed, 0u);
    EXPECT_LE(pool.status().deaths, killed);
    calls_.print(killed, Clock::now() - begin);
    return killed;
  }

  Dice dice_;
  Calls calls_{static_cast<std::size_t>(calls())};
};

TEST_F(KilledWorkers, cost_at_most_one_call_each_and_no_call_begins_twice) {
  const std::size_t killed = run_under_fire(OnWorkerDeath::fail_task);
  calls_.expect_one_end_each();
  calls_.expect_one_beginning_each();
  EXPECT_LE(calls_.ended_with(End::died), killed);
  EXPECT_EQ(calls_.ended_with(End::returned) + calls_.ended_with(End::died), calls_.count());
}

TEST_F(KilledWorkers, cost_no_call_that_may_be_tried_again) {
  run_under_fire(OnWorkerDeath::retry);
  calls_.expect_one_end_each();
  EXPECT_EQ(calls_.ended_with(End::returned), calls_.count());
}

// ---- everything at once -------------------------------------------------------------------------

/// Calls of all kinds in a pool that replaces its workers often, which are killed, stopped, asked
/// to go and made to crash, while some calls are cancelled and interrupted.
class AllTroubleAtOnce : public testing::Test {
 protected:
  AllTroubleAtOnce() {
    for (std::size_t i = 0; i < calls_.count(); ++i) {
      calls_[i].task.way = any_way();
      calls_[i].task.micros = static_cast<std::uint32_t>(dice_.roll(400));
    }
  }

  Way any_way() {
    if (dice_.one_in(400)) return Way::hang;
    if (dice_.one_in(400)) return Way::crash;
    if (dice_.one_in(20)) return Way::grow;
    if (dice_.one_in(20)) return Way::raise;
    if (dice_.one_in(20)) return Way::print;
    return dice_.one_in(4) ? Way::rest : Way::work;
  }

  /// Cancels or interrupts one of the last.
  void stop_one(Futures& futures, Dice& dice) {
    const std::size_t submitted = submitted_.load(std::memory_order_acquire);
    if (submitted < kUnderWay) return;
    const std::size_t which = submitted - 1 - dice.roll(kUnderWay);
    Future<std::string> future = futures[which];
    if (dice.one_in(2) ? future.interrupt() : future.cancel()) calls_[which].stopped = true;
  }

  void await(std::size_t i, const Futures& futures) {
    calls_[i].end = end_of(calls_[i].task, [&] { return futures[i].result(kLongPatience); });
  }

  void run_all(const ProcessPoolExecutor& pool) {
    Futures futures;
    futures.reserve(calls_.count());  // they are looked at from two threads
    std::atomic<bool> over{false};
    std::thread meddler([&] {
      for (Dice dice(dice_.seed() + 2); !over; std::this_thread::sleep_for(1ms))
        stop_one(futures, dice);
    });
    for (std::size_t i = 0; i < calls_.count(); ++i) {
      if (i >= kUnderWay) await(i - kUnderWay, futures);
      futures.push_back(submit(pool, calls_, i));
      submitted_.store(futures.size(), std::memory_order_release);
    }
    for (std::size_t i = calls_.count() - kUnderWay; i < calls_.count(); ++i) await(i, futures);
    over = true;
    meddler.join();
  }

  std::size_t run_under_fire(OnWorkerDeath policy) {
    const auto begin = Clock::now();
    std::atomic<std::size_t> printed{0};
    ProcessPoolExecutor pool({.max_workers = static_cast<int>(kWorkers),
                              .max_tasks_per_worker = 300,
                              .interrupt_grace = 20ms,
                              .idle_timeout = 5ms,
                              .on_worker_death = policy,
                              .max_attempts = 1000,
                              .output = [&](const WorkerOutput&) { ++printed; }});
    Storm storm(pool, dice_.seed() + 1, {SIGKILL, SIGTERM, SIGSEGV, SIGSTOP}, calls_.ended());
    run_all(pool);
    const std::size_t killed = storm.stop();
    expect_whole(pool, kWorkers);
    EXPECT_GT(printed, 0u);
    calls_.print(killed, Clock::now() - begin);
    return killed;
  }

  /// Each ended in a way that its kind can end, and as cancelled just if it was told so.
  void expect_ends_of_their_kind() const {
    for (std::size_t i = 0; i < calls_.count(); ++i) {
      const Way way = calls_[i].task.way;
      const End end = calls_[i].end;
      ASSERT_EQ(end == End::cancelled, calls_[i].stopped.load()) << "call " << i;
      ASSERT_TRUE(end != End::raised || way == Way::raise) << "call " << i;
      ASSERT_TRUE(end != End::timed_out || way == Way::hang) << "call " << i;
      const bool may_return = way != Way::raise && way != Way::crash && way != Way::hang;
      ASSERT_TRUE(end != End::returned || may_return) << "call " << i;
    }
  }

  std::size_t died_of_themselves() const {
    std::size_t count = 0;
    for (std::size_t i = 0; i < calls_.count(); ++i)
      count += calls_[i].task.way == Way::crash && calls_[i].end == End::died ? 1 : 0;
    return count;
  }

  Dice dice_;
  Calls calls_{static_cast<std::size_t>(calls())};
  std::atomic<std::size_t> submitted_{0};
};

TEST_F(AllTroubleAtOnce, leaves_each_call_with_one_end_of_its_kind) {
  const std::size_t killed = run_under_fire(OnWorkerDeath::fail_task);
  calls_.expect_one_end_each();
  calls_.expect_one_beginning_each();
  expect_ends_of_their_kind();
  EXPECT_LE(calls_.ended_with(End::died) - died_of_themselves(), killed);
}

TEST_F(AllTroubleAtOnce, takes_no_call_that_may_be_tried_again) {
  for (std::size_t i = 0; i < calls_.count(); ++i)
    if (calls_[i].task.way == Way::crash) calls_[i].task.way = Way::work;
  run_under_fire(OnWorkerDeath::retry);
  calls_.expect_one_end_each();
  expect_ends_of_their_kind();
  EXPECT_EQ(calls_.ended_with(End::died), 0u);
}

}  // namespace
}  // namespace flagship::chaos
