// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include "common/units.hpp"

namespace flagship {
namespace {

using namespace std::chrono_literals;

TEST(Units, TimesAreReadAsPeopleTypeThem) {
  EXPECT_EQ(parse_duration("500ms"), 500ms);
  EXPECT_EQ(parse_duration("2s"), 2s);
  EXPECT_EQ(parse_duration("2"), 2s);
  EXPECT_EQ(parse_duration("0.25"), 250ms);
  EXPECT_EQ(parse_duration("1m"), 60s);
  EXPECT_EQ(parse_duration("1.5m"), 90s);
  EXPECT_EQ(parse_duration("1h"), 1h);
  EXPECT_EQ(parse_duration("2d"), 48h);
  EXPECT_EQ(parse_duration("0"), 0s);
}

TEST(Units, WhatIsNoTimeIsRefused) {
  for (const char* bad : {"", "s", "x", "-1", "-0", "1 s", " 1", "1ss", "1w", "1H", "nan", "inf",
                          "1e3", "0x10", "1,5", "1e300s", "99999h", "99d"})
    EXPECT_FALSE(parse_duration(bad)) << bad;
}

TEST(Units, SizesArePowersOf1024) {
  EXPECT_EQ(parse_size("17"), 17u);
  EXPECT_EQ(parse_size("10k"), 10'240u);
  EXPECT_EQ(parse_size("10K"), 10'240u);
  EXPECT_EQ(parse_size("5M"), 5u << 20);
  EXPECT_EQ(parse_size("1G"), 1u << 30);
  EXPECT_EQ(parse_size("0.5k"), 512u);
}

TEST(Units, WhatIsNoSizeIsRefused) {
  for (const char* bad : {"", "k", "-1", "1kb", "1 k", "1T", "nan", "x", "1e30G"})
    EXPECT_FALSE(parse_size(bad)) << bad;
}

}  // namespace
}  // namespace flagship
