// SPDX-License-Identifier: MIT
#include "tests/chaos/calls.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <thread>
#include <vector>

#include "tests/support/endings.hpp"
#include "tests/support/patience.hpp"
#include "tests/support/tasks.hpp"

namespace flagship::chaos {
namespace {

using namespace std::chrono_literals;
using test::kPatience;
using test::wait_until;

constexpr std::size_t kMuch = 100 * 1024;  // travels by itself
constexpr auto kTimeOfHanging = 30ms;

void spin(std::chrono::microseconds time) {
  const auto end = std::chrono::steady_clock::now() + time;
  while (std::chrono::steady_clock::now() < end) {
  }
}

void go(const Task& task) {
  switch (task.way) {
    case Way::work:
      return spin(std::chrono::microseconds(task.micros));
    case Way::rest:
      return std::this_thread::sleep_for(std::chrono::microseconds(task.micros));
    case Way::print:
      std::printf("this is call %u\n", task.row);
      std::fflush(stdout);
      return;
    case Way::grow:
      return;
    case Way::raise:
      throw std::out_of_range(right_result(task));
    case Way::crash:
      return test::segfault();
    case Way::hang:
      return test::for_ever();
  }
}

}  // namespace

std::string right_result(const Task& task) {
  std::string result = std::to_string(task.row);
  if (task.way == Way::grow) result.resize(kMuch, 'x');
  return result;
}

std::string run(const Task& task) {
  static const Sheet sheet(task.sheet);
  ++sheet[task.row].begun;
  go(task);
  ++sheet[task.row].ended;
  return right_result(task);
}

Calls::Calls(std::size_t count)
    : count_(count),
      records_(std::make_unique<Record[]>(count)),
      sheet_(Sheet::create(folder_.path("sheet"), count)) {
  for (std::size_t i = 0; i < count; ++i)
    records_[i].task = {folder_.path("sheet"), static_cast<std::uint32_t>(i)};
}

std::size_t Calls::ended_with(End end) const {
  const auto ended = [end](const Record& record) { return record.end == end; };
  return static_cast<std::size_t>(std::count_if(records_.get(), records_.get() + count_, ended));
}

void Calls::expect_one_end_each() const {
  for (std::size_t i = 0; i < count_; ++i) {
    ASSERT_NE(records_[i].end, End::none) << "call " << i;
    ASSERT_NE(records_[i].end, End::wrong) << "call " << i;
    ASSERT_EQ(records_[i].told, 1) << "call " << i;
  }
}

void Calls::expect_one_beginning_each() const {
  for (std::size_t i = 0; i < count_; ++i) {
    ASSERT_LE(row(i).begun, 1u) << "call " << i;
    if (records_[i].end == End::returned) {
      ASSERT_EQ(row(i).ended, 1u) << "call " << i;
    }
  }
}

void Calls::print(std::size_t killed, std::chrono::steady_clock::duration took) const {
  std::printf(
      "%zu calls and %zu killed workers in %.1f s: %zu returned, %zu raised, %zu cancelled, "
      "%zu timed out, %zu died\n",
      count_, killed, std::chrono::duration<double>(took).count(), ended_with(End::returned),
      ended_with(End::raised), ended_with(End::cancelled), ended_with(End::timed_out),
      ended_with(End::died));
}

Future<std::string> submit(const ProcessPoolExecutor& pool, Calls& calls, std::size_t i) {
  Calls::Record& record = calls[i];
  const bool hangs = record.task.way == Way::hang;
  Future<std::string> future = hangs
                                   ? pool.with({.timeout = kTimeOfHanging}).submit<run>(record.task)
                                   : pool.submit<run>(record.task);
  future.add_done_callback([&calls, &record](const Future<std::string>& done) {
    ++record.told;
    if (!done.cancelled()) ++calls.ended();
  });
  return future;
}

void map_from(std::size_t begin, const ProcessPoolExecutor& pool, Calls& calls) {
  std::vector<Task> tasks;
  for (std::size_t i = begin; i < calls.count(); ++i) tasks.push_back(calls[i].task);
  auto results = pool.map<run>(tasks);
  std::size_t next = begin;
  for (auto it = results.begin(); it != results.end(); ++it, ++next) {
    calls[next].end = end_of(calls[next].task, [&] { return *it; });
    ++calls[next].told;
    ++calls.ended();
  }
}

void expect_whole(const ProcessPoolExecutor& pool, std::size_t workers) {
  const test::Gate gate;
  std::vector<Future<int>> futures;
  for (std::size_t i = 0; i < workers; ++i)
    futures.push_back(pool.submit<test::wait_at>(gate.path(), static_cast<int>(i)));
  test::wait_for_running(futures);
  EXPECT_EQ(pool.status().workers.size(), workers);
  gate.open();
  for (std::size_t i = 0; i < workers; ++i)
    EXPECT_EQ(futures[i].result(kPatience), static_cast<int>(i));
  EXPECT_TRUE(wait_until([&] {
    const PoolStatus status = pool.status();
    return status.queued == 0 && status.held == 0 && status.running == 0;
  }));
}

}  // namespace flagship::chaos
