// SPDX-License-Identifier: MIT
// The main of tests that run pools of processes: their workers are this same program.
#include <gtest/gtest.h>

#include <flagship/init.hpp>

#include "tests/support/census.hpp"
#include "tests/support/watchdog.hpp"

int main(int argc, char** argv) {
  flagship::init(argc, argv);
  testing::InitGoogleTest(&argc, argv);
  flagship::test::install_census();
  flagship::test::install_watchdog();
  return RUN_ALL_TESTS();
}
