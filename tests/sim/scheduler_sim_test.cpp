// SPDX-License-Identifier: MIT
// Random walks of the scheduler. FLAGSHIP_SIM_SCHEDULES: how many, FLAGSHIP_SIM_FIRST: from which
// seed on; FLAGSHIP_SIM_SEED: this one only; FLAGSHIP_SIM_REPLAY: what a failure has printed.
#include <gtest/gtest.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "tests/sim/walks.hpp"

namespace flagship::sim {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || !defined(NDEBUG)
constexpr std::uint64_t kUsualSchedules = 2'000;
#else
constexpr std::uint64_t kUsualSchedules = 20'000;
#endif
constexpr std::uint64_t kParts = 8;       // that ctest can run side by side
constexpr std::uint64_t kEnough = 2'500;  // for everything to have happened

std::uint64_t number_from(const char* variable, std::uint64_t otherwise) {
  const char* const text = std::getenv(variable);
  return text != nullptr ? std::stoull(text) : otherwise;
}

bool only_one_is_wanted() {
  return std::getenv("FLAGSHIP_SIM_SEED") != nullptr ||
         std::getenv("FLAGSHIP_SIM_REPLAY") != nullptr;
}

class Simulation : public testing::TestWithParam<std::uint64_t> {};

void print(const Walks& walks, std::chrono::duration<double, std::micro> spent) {
  std::printf("%llu schedules, %llu tasks, %llu events, %.0f us a schedule\n",
              static_cast<unsigned long long>(walks.schedules),
              static_cast<unsigned long long>(walks.tasks),
              static_cast<unsigned long long>(walks.events),
              spent.count() / static_cast<double>(walks.schedules));
  for (std::size_t i = 0; i < kSights; ++i)
    std::printf("%12llu %s\n", static_cast<unsigned long long>(walks.sights[i]), kSightNames[i]);
}

TEST_P(Simulation, every_task_ends_exactly_once_whatever_happens) {
  if (only_one_is_wanted()) GTEST_SKIP() << "one walk only";
  const std::uint64_t schedules = number_from("FLAGSHIP_SIM_SCHEDULES", kUsualSchedules) / kParts;
  const std::uint64_t first = number_from("FLAGSHIP_SIM_FIRST", 0) + GetParam() * schedules;
  const auto begin = std::chrono::steady_clock::now();
  Walks walks;
  for (std::uint64_t seed = first; seed < first + schedules; ++seed) {
    if (const auto wrong = walks.walk(seed)) FAIL() << *wrong;
  }
  print(walks, std::chrono::steady_clock::now() - begin);
  if (schedules < kEnough) return;
  for (std::size_t i = 0; i < kSights; ++i)
    EXPECT_GT(walks.sights[i], 0u) << kSightNames[i] << ": the walks never come there";
}

INSTANTIATE_TEST_SUITE_P(Part, Simulation, testing::Range<std::uint64_t>(0, kParts));

TEST(SimulationOf, one_seed_or_script) {
  if (!only_one_is_wanted()) GTEST_SKIP() << "names none";
  if (const char* const text = std::getenv("FLAGSHIP_SIM_REPLAY"); text != nullptr) {
    if (const auto wrong = replay(script_from(text))) FAIL() << *wrong;
    return;
  }
  if (const auto wrong = Walks().walk(number_from("FLAGSHIP_SIM_SEED", 0))) FAIL() << *wrong;
}

}  // namespace
}  // namespace flagship::sim
