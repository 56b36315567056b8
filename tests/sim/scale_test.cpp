// SPDX-License-Identifier: MIT
// How long the scheduler takes for a task when there are many. Printed, not asserted: machines
// differ.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <utility>
#include <vector>

#include "master/pool/core/scheduler.hpp"

namespace flagship::sim {
namespace {

using namespace std::chrono_literals;

struct Load {
  std::uint32_t workers = 0;
  std::uint32_t tasks = 0;
  std::uint32_t at_once = 0;      // waiting or held, at most
  core::Duration call = 20us;     // running time
  core::Duration timeout{};       // of each task
  std::uint32_t silent_of_8 = 0;  // in eighths: workers that answer in one round of three only
};

/// A pool in which everything goes well, and the clock goes on by a millisecond a round.
class Crowd {
 public:
  explicit Crowd(const Load& load)
      : load_(load), scheduler_({.max_workers = load.workers}), held_(load.workers) {
    for (core::TaskId id = load.at_once; id-- > 0;) free_.push_back(id);
  }

  void run() {
    submit();
    for (const core::WorkerRef worker : std::exchange(started_, {}))
      tell(core::WorkerReady{worker}), workers_.push_back(worker);
    for (round_ = 0; ended_ < load_.tasks && round_ < 100'000; ++round_) {
      now_ += 1ms;
      for (const core::WorkerRef worker : workers_) answer(worker);
      submit();
    }
    tell(core::ShutdownAsked{});
    for (const core::WorkerRef worker : workers_) tell(core::WorkerGone{worker, {}, "left"});
  }

  std::uint32_t ended() const { return ended_; }
  std::uint32_t rounds() const { return round_; }
  std::uint64_t events() const { return events_; }
  bool finished() const { return scheduler_.finished(); }

 private:
  void submit() {
    arriving_.clear();
    while (submitted_ < load_.tasks && !free_.empty()) {
      arriving_.push_back({free_.back(), 0, 0, load_.timeout});
      free_.pop_back();
      ++submitted_;
    }
    if (!arriving_.empty()) tell(core::TasksArrived{arriving_});
  }

  void answer(core::WorkerRef worker) {
    const bool silent = worker.id % 8 < load_.silent_of_8 && (worker.id + round_) % 30 != 0;
    if (held_[worker.id].empty() || silent) return;
    results_.swap(held_[worker.id]);
    const auto busy = load_.call * static_cast<long>(results_.size());
    tell(core::ResultsArrived{worker, results_, {}, busy});
    results_.clear();
  }

  // As the loop does: after each event it asks for the next tick.
  void tell(const core::Event& event) {
    take(event);
    if (const auto tick = scheduler_.next_tick(); tick && *tick <= now_) take(core::Tick{});
  }

  void take(const core::Event& event) {
    ++events_;
    scheduler_.handle(event, now_, commands_);
    for (const core::StartWorker& start : commands_.starts) started_.push_back(start.worker);
    for (const core::Assign& assign : commands_.assigns)
      for (std::uint32_t i = 0; i < assign.count; ++i)
        held_[assign.worker.id].push_back(commands_.assigned[assign.first + i].ticket);
    for (const core::EndTask& end : commands_.ends) free_.push_back(end.task);
    ended_ += static_cast<std::uint32_t>(commands_.ends.size());
    commands_.clear();
  }

  const Load load_;
  core::Scheduler scheduler_;
  core::Commands commands_;
  core::Time now_{};
  std::vector<core::WorkerRef> started_, workers_;
  std::vector<std::vector<core::Ticket>> held_;
  std::vector<core::Ticket> results_;
  std::vector<core::TaskId> free_;
  std::vector<core::NewTask> arriving_;
  std::uint32_t submitted_ = 0, ended_ = 0, round_ = 0;
  std::uint64_t events_ = 0;
};

void measure(const char* what, const Load& load) {
  const auto begin = std::chrono::steady_clock::now();
  Crowd crowd(load);
  crowd.run();
  const std::chrono::duration<double, std::nano> spent = std::chrono::steady_clock::now() - begin;
  EXPECT_EQ(crowd.ended(), load.tasks);
  EXPECT_TRUE(crowd.finished());
  std::printf(
      "%s: %u workers, %u tasks, %llu events: %.0f ns a task, %.0f ns an event, %u rounds\n", what,
      load.workers, load.tasks, static_cast<unsigned long long>(crowd.events()),
      spent.count() / load.tasks, spent.count() / static_cast<double>(crowd.events()),
      crowd.rounds());
}

TEST(Scale, a_thousand_workers_and_a_million_tasks) {
  measure("bursts", {.workers = 1000, .tasks = 1'000'000, .at_once = 1'000'000});
}

TEST(Scale, ten_thousand_workers_and_ten_million_tasks) {
  measure("bursts", {.workers = 10'000, .tasks = 10'000'000, .at_once = 2'000'000});
}

// Each worker by itself: an event for a task.
TEST(Scale, ten_thousand_workers_with_long_calls) {
  measure("long calls", {.workers = 10'000, .tasks = 1'000'000, .at_once = 20'000, .call = 100ms});
}

TEST(Scale, ten_thousand_workers_with_time_limits_of_which_some_are_silent) {
  measure("time limits", {.workers = 10'000,
                          .tasks = 2'000'000,
                          .at_once = 200'000,
                          .call = 1ms,
                          .timeout = 10s,
                          .silent_of_8 = 4});
}

}  // namespace
}  // namespace flagship::sim
