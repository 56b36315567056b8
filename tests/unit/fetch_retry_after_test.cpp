// SPDX-License-Identifier: MIT
#include "worker/fetch/retry_after.hpp"

#include <gtest/gtest.h>

namespace flagship::fetch {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;
using namespace std::chrono_literals;

constexpr milliseconds kYear = hours(24 * 365);

// Sun, 06 Nov 1994 08:49:00 GMT
constexpr std::chrono::system_clock::time_point kNow =
    std::chrono::sys_days(std::chrono::year(1994) / 11 / 6) + 8h + 49min;

TEST(RetryAfter, ReadsSeconds) {
  EXPECT_EQ(parse_retry_after("120", kNow), 120s);
  EXPECT_EQ(parse_retry_after(" 0 ", kNow), 0s);
  EXPECT_EQ(parse_retry_after("0007", kNow), 7s);
}

TEST(RetryAfter, ReadsDatesInTheirThreeForms) {
  EXPECT_EQ(parse_retry_after("Sun, 06 Nov 1994 08:49:37 GMT", kNow), 37s);
  EXPECT_EQ(parse_retry_after("Sunday, 06-Nov-94 08:49:37 GMT", kNow), 37s);
  EXPECT_EQ(parse_retry_after("Sun Nov  6 08:49:37 1994", kNow), 37s);
}

TEST(RetryAfter, RoundsUpToWholeMilliseconds) {
  EXPECT_EQ(parse_retry_after("Sun, 06 Nov 1994 08:49:37 GMT", kNow + std::chrono::microseconds(1)),
            37s);
}

TEST(RetryAfter, TakesAYearOfTwoDigitsFromTheNearestCentury) {
  const auto now = std::chrono::sys_days(std::chrono::year(2026) / 1 / 1) + 0s;
  EXPECT_EQ(parse_retry_after("Thursday, 01-Jan-26 00:00:05 GMT", now), 5s);
  EXPECT_EQ(parse_retry_after("Sunday, 06-Nov-94 08:49:37 GMT", now), 0s);
}

TEST(RetryAfter, AsksForNothingOnceADateHasPassed) {
  EXPECT_EQ(parse_retry_after("Sun, 06 Nov 1994 08:48:59 GMT", kNow), 0s);
  EXPECT_EQ(parse_retry_after("Mon, 01 Jan 0001 00:00:00 GMT", kNow), 0s);
}

TEST(RetryAfter, NeverAsksForMoreThanAYear) {
  EXPECT_EQ(parse_retry_after("99999999999999999999999999", kNow), kYear);
  EXPECT_EQ(parse_retry_after("18446744073709551615", kNow), kYear);
  EXPECT_EQ(parse_retry_after("Fri, 31 Dec 9999 23:59:59 GMT", kNow), kYear);
}

TEST(RetryAfter, IgnoresWhatItCannotRead) {
  for (const char* text :
       {"", " ", "-1", "+5", "1.5", "5s", "soon", "Sun, 06 Nov 1994", "Sun, 06 Nov 1994 08:49:37",
        "Sun, 32 Nov 1994 08:49:37 GMT", "Sun, 30 Feb 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 24:00:00 GMT", "Sun, 06 Nov 1994 08:60:00 GMT",
        "Sun, 06 Nox 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:37 GMT+1",
        ", 06 Nov 1994 08:49:37 GMT", "Sun Nov  6 08:49:37 199", "Sun, -6 Nov 1994 08:49:37 GMT"}) {
    EXPECT_FALSE(parse_retry_after(text, kNow)) << text;
  }
}

}  // namespace
}  // namespace flagship::fetch
