// SPDX-License-Identifier: MIT
// Pools' workers are this same program. What hangs at length may have that much to do.
#include <gtest/gtest.h>

#include <flagship/init.hpp>

#include "tests/chaos/setting.hpp"
#include "tests/support/census.hpp"
#include "tests/support/watchdog.hpp"

int main(int argc, char** argv) {
  flagship::init(argc, argv);
  testing::InitGoogleTest(&argc, argv);
  flagship::test::install_census();
  flagship::test::install_watchdog(flagship::chaos::at_length() ? 3600
                                                                : flagship::test::kSecondsOfATest);
  return RUN_ALL_TESTS();
}
