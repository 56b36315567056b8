// SPDX-License-Identifier: MIT
// The main of tests that start programs or open descriptors, and have no workers of their own.
#include <gtest/gtest.h>

#include "tests/support/census.hpp"

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  flagship::test::install_census();
  return RUN_ALL_TESTS();
}
