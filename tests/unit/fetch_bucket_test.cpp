// SPDX-License-Identifier: MIT
#include "worker/fetch/bucket.hpp"

#include <gtest/gtest.h>

namespace flagship::fetch {
namespace {

using namespace std::chrono_literals;

class BucketTest : public ::testing::Test {
 protected:
  Bucket::TimePoint now_{100s};
  Bucket bucket_;
};

TEST_F(BucketTest, IsAlwaysOpenWithoutALimit) {
  EXPECT_TRUE(bucket_.open(now_));
  EXPECT_FALSE(bucket_.limited());
}

TEST_F(BucketTest, IsShutUntilWhatWasTakenIsMadeGood) {
  bucket_.set_rate(1000, now_);
  EXPECT_TRUE(bucket_.open(now_));
  bucket_.spend(500);
  EXPECT_FALSE(bucket_.open(now_));
  EXPECT_EQ(bucket_.opens_at(), now_ + 500ms);
  EXPECT_FALSE(bucket_.open(now_ + 499ms));
  EXPECT_TRUE(bucket_.open(bucket_.opens_at()));
}

TEST_F(BucketTest, LetsNoMoreThroughThanItsRateHoweverItIsAsked) {
  bucket_.set_rate(1'000'000, now_);
  std::uint64_t taken = 0;
  const auto end = now_ + 10s;
  while (now_ < end) {
    if (bucket_.open(now_)) {
      bucket_.spend(16'384);
      taken += 16'384;
    }
    now_ += 7ms;
  }
  EXPECT_LE(taken, 10'000'000u + 100'000u + 16'384u);
  EXPECT_GE(taken, 9'500'000u);
}

TEST_F(BucketTest, SavesUpATenthOfASecondAtMost) {
  bucket_.set_rate(1000, now_);
  now_ += 1h;
  EXPECT_TRUE(bucket_.open(now_));
  bucket_.spend(101);
  EXPECT_FALSE(bucket_.open(now_));
}

}  // namespace
}  // namespace flagship::fetch
