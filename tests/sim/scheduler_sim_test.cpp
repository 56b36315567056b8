// SPDX-License-Identifier: MIT
// Random walks of the scheduler. FLAGSHIP_SIM_SCHEDULES: how many; FLAGSHIP_SIM_SEED: this one
// only.
#include <gtest/gtest.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <numeric>
#include <string>

#include "tests/sim/world.hpp"

namespace flagship::sim {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || !defined(NDEBUG)
constexpr std::uint64_t kUsualSchedules = 150;
#else
constexpr std::uint64_t kUsualSchedules = 1500;
#endif

std::uint64_t number_from(const char* variable, std::uint64_t otherwise) {
  const char* const text = std::getenv(variable);
  return text != nullptr ? std::stoull(text) : otherwise;
}

testing::AssertionResult goes_well(std::uint64_t seed, std::uint64_t& ended) {
  World world(seed);
  try {
    world.run();
  } catch (const Wrong& wrong) {
    return testing::AssertionFailure() << wrong.what() << "\n"
                                       << world.story() << "\nagain: FLAGSHIP_SIM_SEED=" << seed;
  }
  ended += world.ended();
  return testing::AssertionSuccess();
}

TEST(Simulation, every_task_ends_exactly_once_whatever_happens) {
  std::uint64_t ended = 0;
  if (std::getenv("FLAGSHIP_SIM_SEED") != nullptr) {
    EXPECT_TRUE(goes_well(number_from("FLAGSHIP_SIM_SEED", 0), ended));
    return;
  }
  const std::uint64_t schedules = number_from("FLAGSHIP_SIM_SCHEDULES", kUsualSchedules);
  for (std::uint64_t seed = 0; seed < schedules; ++seed) ASSERT_TRUE(goes_well(seed, ended));
  RecordProperty("tasks", std::to_string(ended));
  EXPECT_GT(ended, schedules) << "the walks do too little";
}

// Printed, not asserted: machines differ.
TEST(Simulation, a_thousand_workers_and_a_million_tasks) {
  constexpr std::uint32_t kWorkers = 1000, kTasks = 1'000'000;
  core::Settings settings;
  settings.max_workers = kWorkers;
  core::Scheduler scheduler(settings);
  core::Commands commands;
  core::Time now{};
  std::vector<core::NewTask> tasks(kTasks);
  for (std::uint32_t i = 0; i < kTasks; ++i) tasks[i].task = i;

  const auto begin = std::chrono::steady_clock::now();
  scheduler.handle(core::TasksArrived{tasks}, now, commands);
  std::vector<core::WorkerRef> workers;
  for (const core::StartWorker& start : commands.starts) workers.push_back(start.worker);
  std::vector<std::vector<core::Ticket>> held(kWorkers);
  std::uint32_t ended = 0;
  const auto take = [&] {
    for (const core::Assign& assign : commands.assigns)
      for (std::uint32_t i = 0; i < assign.count; ++i)
        held[assign.worker.id].push_back(commands.assigned[assign.first + i].ticket);
    ended += static_cast<std::uint32_t>(commands.ends.size());
    commands.clear();
  };
  take();
  for (const core::WorkerRef worker : workers)
    scheduler.handle(core::WorkerReady{worker}, now, commands), take();
  std::uint32_t rounds = 0;
  for (; ended < kTasks && rounds < 10'000; ++rounds) {
    now += std::chrono::milliseconds(1);
    for (const core::WorkerRef worker : workers) {
      if (held[worker.id].empty()) continue;
      const auto results = std::exchange(held[worker.id], {});
      const auto busy = std::chrono::microseconds(20) * static_cast<long>(results.size());
      scheduler.handle(core::ResultsArrived{worker, results, {}, busy}, now, commands);
      take();
    }
  }
  const std::chrono::duration<double, std::nano> spent = std::chrono::steady_clock::now() - begin;
  EXPECT_EQ(ended, kTasks);
  std::printf("%u workers, %u tasks: %.0f ns a task, %u rounds\n", kWorkers, kTasks,
              spent.count() / kTasks, rounds);
}

}  // namespace
}  // namespace flagship::sim
