// SPDX-License-Identifier: MIT
#include "worker/fetch/content_range.hpp"

#include <gtest/gtest.h>

namespace flagship::fetch {
namespace {

TEST(ContentRange, IsFirstLastAndTheWhole) {
  const auto range = parse_content_range(" Bytes 5-9/10 ");
  ASSERT_TRUE(range);
  EXPECT_EQ(range->first, 5u);
  EXPECT_EQ(range->last, 9u);
  EXPECT_EQ(range->whole, 10u);
  EXPECT_EQ(range->length(), 5u);
}

TEST(ContentRange, MayLeaveTheWholeOpen) {
  const auto range = parse_content_range("bytes 0-0/*");
  ASSERT_TRUE(range);
  EXPECT_FALSE(range->whole);
}

TEST(ContentRange, IsNothingElse) {
  for (const char* odd :
       {"", "bytes", "bytes */10", "bytes 5-4/10", "bytes 5-10/10", "bytes 5-9", "bytes -5/10",
        "bytes 5-/10", "lines 5-9/10", "bytes 5-9/x", "bytes 5-9/", "bytes +5-9/10",
        "bytes 0-18446744073709551615/*", "bytes 0-99999999999999999999/*", "bytes=5-9/10"})
    EXPECT_FALSE(parse_content_range(odd)) << odd;
}

}  // namespace
}  // namespace flagship::fetch
