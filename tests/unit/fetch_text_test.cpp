// SPDX-License-Identifier: MIT
#include "worker/fetch/text.hpp"

#include <gtest/gtest.h>

namespace flagship::fetch {
namespace {

TEST(FetchText, ShowsNoControlCharacters) {
  EXPECT_EQ(printable("a\x1b[0m\r\n\tb\x7f", 100), "a[0mb");
  EXPECT_EQ(printable("a\xc2\x85z", 100), "az");
}

TEST(FetchText, ShowsValidUtf8Only) {
  EXPECT_EQ(printable("gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x9a\xa9", 100), "grüß € 🚩");
  EXPECT_EQ(printable("\xff\xfe\xc0\xaf\xe0\x80\x80x\xed\xa0\x80\xf4\x90\x80\x80\xe2\x82", 100),
            "x");
}

TEST(FetchText, CutsBetweenCharacters) {
  EXPECT_EQ(printable("ab€", 4), "ab");
  EXPECT_EQ(printable("ab€", 5), "ab€");
}

TEST(FetchText, ReadsWholeNumbersOnly) {
  EXPECT_EQ(digits("0"), 0u);
  EXPECT_EQ(digits("18446744073709551615"), 18446744073709551615u);
  for (const char* text : {"", "-1", "+1", " 1", "1 ", "1x", "18446744073709551616"})
    EXPECT_FALSE(digits(text));
}

TEST(FetchText, WritesTimeLimitsAsPeopleDo) {
  EXPECT_EQ(span_words(300), "300 ms");
  EXPECT_EQ(span_words(30'000), "30 s");
  EXPECT_EQ(span_words(1'500), "1.5 s");
}

}  // namespace
}  // namespace flagship::fetch
