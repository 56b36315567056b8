// SPDX-License-Identifier: MIT
// What the options of the practice server look like in words.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <stdexcept>
#include <string>
#include <utility>

#include "tests/integration/serve_fixture.hpp"

namespace flagship::serve {
namespace {

using testing::HasSubstr;

using Range = std::pair<std::chrono::milliseconds, std::chrono::milliseconds>;

Range delay(const std::string& text) {
  Options options;
  parse_delay(text, options);
  return {options.delay_min, options.delay_max};
}

template <typename Parse>
std::string complaint(Parse parse) {
  try {
    parse();
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "no complaint";
}

TEST(ServeDelayText, IsOneTimeOrTwo) {
  EXPECT_EQ(delay("1"), Range(1s, 1s));
  EXPECT_EQ(delay("0"), Range(0s, 0s));
  EXPECT_EQ(delay("0.5..5"), Range(500ms, 5s));
  EXPECT_EQ(delay(".5..1.5"), Range(500ms, 1500ms));
  EXPECT_EQ(delay("2..2"), Range(2s, 2s));
}

TEST(ServeDelayText, MayHaveUnits) {
  EXPECT_EQ(delay("500ms..2s"), Range(500ms, 2s));
  EXPECT_EQ(delay("1m"), Range(1min, 1min));
  EXPECT_EQ(delay("250ms..1"), Range(250ms, 1s));
}

TEST(ServeDelayText, IsNamedWhenItMakesNoSense) {
  for (const std::string text : {"",
                                 "..",
                                 "1..",
                                 "..1",
                                 "x",
                                 "1x",
                                 "1 s",
                                 " 1",
                                 "1s..",
                                 "1...",
                                 "-1",
                                 "-0.5..1",
                                 "5..0.5",
                                 "2s..500ms",
                                 "nan",
                                 "inf",
                                 "1e3",
                                 "1w",
                                 "0..99999999999999999999",
                                 "1..2..3",
                                 "+1",
                                 "1,5"}) {
    EXPECT_THAT(complaint([&] { delay(text); }), HasSubstr('"' + text + '"'));
  }
}

TEST(ServeDelayText, LeavesTheOptionsAloneWhenItMakesNoSense) {
  Options options;
  parse_delay("1..2", options);
  EXPECT_THROW(parse_delay("3..x", options), std::invalid_argument);
  EXPECT_EQ(options.delay_min, 1s);
  EXPECT_EQ(options.delay_max, 2s);
}

TEST(ServeFaultText, NamesAKind) {
  EXPECT_EQ(parse_fault("reset").kind, Fault::Kind::reset);
  EXPECT_EQ(parse_fault("truncate").kind, Fault::Kind::truncate);
  EXPECT_EQ(parse_fault("slow").kind, Fault::Kind::slow);
  EXPECT_EQ(parse_fault("status:418,503").kind, Fault::Kind::status);
  EXPECT_EQ(parse_fault("status:418,503").statuses, (std::vector{418, 503}));
  EXPECT_EQ(parse_fault("status:100,599").statuses, (std::vector{100, 599}));
}

TEST(ServeFaultText, IsNamedWhenItMakesNoSense) {
  for (const std::string text :
       {"", "none", "Reset", "reset ", "status", "status:", "status:99", "status:600", "status:-1",
        "status:418,", "status:,418", "status:418,,503", "status:abc", "status:418 ,503",
        "status:99999999999", "status:4.5"}) {
    EXPECT_THAT(complaint([&] { parse_fault(text); }), HasSubstr('"' + text + '"'));
  }
}

}  // namespace
}  // namespace flagship::serve
