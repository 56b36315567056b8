// SPDX-License-Identifier: MIT
// How many calls run at once where.
#include "master/hosts/widths.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <numeric>

#include "flagship/options.hpp"

namespace flagship::hosts {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::Ge;
using ::testing::IsEmpty;

Host local(int workers) { return {.name = "local", .workers = workers}; }
Host ssh(int workers) { return {.name = "far", .launcher = HostLauncher::ssh, .workers = workers}; }
Host slurm(int workers, int nodes) {
  return {.name = "many", .launcher = HostLauncher::slurm, .workers = workers, .agents = nodes};
}

std::uint64_t running(const Widths& widths) {
  return std::accumulate(widths.agents.begin(), widths.agents.end(),
                         std::uint64_t{widths.own_running});
}

TEST(Widths, OfThisMachineAloneAreItsWorkers) {
  const Widths widths = widths_of({{local(4)}}, 0);
  EXPECT_EQ(widths.own_workers, 4u);
  EXPECT_EQ(widths.own_running, 0u) << "one in each";
  EXPECT_THAT(widths.agents, IsEmpty());
}

TEST(Widths, EachAgentIsAsWideAsItsWorkersAndComesInTheOrderOfTheFile) {
  const Widths widths = widths_of({{ssh(16), local(4), slurm(8, 3), local(2)}}, 0);
  EXPECT_EQ(widths.own_workers, 6u) << "all local hosts are this process";
  EXPECT_THAT(widths.agents, ElementsAre(16, 8, 8, 8));
}

TEST(Widths, AHostThatDoesNotSayHowManyCountsAsWideAsThisOne) {
  const auto here = static_cast<std::uint32_t>(usable_cpus());
  const Widths widths = widths_of({{local(0), ssh(0)}}, 0);
  EXPECT_EQ(widths.own_workers, here);
  EXPECT_THAT(widths.agents, ElementsAre(here));
}

TEST(Widths, MaxRunningIsSharedOutByWorkersAndAddsUp) {
  const Widths widths = widths_of({{local(2), ssh(4), slurm(1, 2)}}, 1000);
  EXPECT_THAT(widths.agents, ElementsAre(500, 125, 125));
  EXPECT_EQ(widths.own_running, 250u);
  EXPECT_EQ(widths.own_workers, 2u);
}

TEST(Widths, WhatDoesNotDivideIsSharedOutToo) {
  for (int max_running = 4; max_running < 100; ++max_running) {
    const Widths widths = widths_of({{local(3), ssh(5), ssh(7), ssh(1)}}, max_running);
    EXPECT_EQ(running(widths), static_cast<std::uint64_t>(max_running));
    EXPECT_THAT(widths.agents, Each(Ge(1u)));
  }
}

TEST(Widths, EveryAgentRunsOneCallHoweverFewThereAreToBe) {
  const Widths widths = widths_of({{local(8), ssh(8), slurm(8, 3)}}, 1);
  EXPECT_THAT(widths.agents, ElementsAre(1, 1, 1, 1));
  EXPECT_EQ(widths.own_running, 1u);
  EXPECT_EQ(widths.own_workers, 1u) << "no more than there are calls";
}

TEST(Widths, WithoutWorkersHereAllOfItIsTheAgents) {
  const Widths widths = widths_of({{ssh(1), ssh(1)}}, 9);
  EXPECT_EQ(widths.own_workers, 0u);
  EXPECT_EQ(widths.own_running, 0u);
  EXPECT_EQ(running(widths), 9u);
}

TEST(Widths, TheLargestNumbersFit) {
  constexpr int kMost = std::numeric_limits<int>::max();
  const Widths widths = widths_of({{local(kMost), ssh(kMost), slurm(kMost, 2)}}, kMost);
  EXPECT_EQ(running(widths), static_cast<std::uint64_t>(kMost));
}

}  // namespace
}  // namespace flagship::hosts
