// SPDX-License-Identifier: MIT
#include "worker/fetch/held_origins.hpp"

#include <gtest/gtest.h>

namespace flagship::fetch {
namespace {

using namespace std::chrono_literals;

constexpr HeldOrigins::Time kNow{1h};

TEST(HeldOrigins, AreHeldForTheirTimeAndNoOtherIs) {
  HeldOrigins held;
  EXPECT_TRUE(held.empty());
  held.hold("http://a:80", kNow + 2s);
  EXPECT_TRUE(held.holds("http://a:80", kNow));
  EXPECT_TRUE(held.holds("http://a:80", kNow + 2s - 1ns));
  EXPECT_FALSE(held.holds("http://a:80", kNow + 2s));
  EXPECT_FALSE(held.holds("http://b:80", kNow));
}

TEST(HeldOrigins, AShorterTimeDoesNotEndALongerOne) {
  HeldOrigins held;
  held.hold("http://a:80", kNow + 2s);
  held.hold("http://a:80", kNow + 1s);
  EXPECT_TRUE(held.holds("http://a:80", kNow + 1s));
}

TEST(HeldOrigins, AreForgottenOnceTheirTimeIsOver) {
  HeldOrigins held;
  held.hold("http://a:80", kNow + 1s);
  held.hold("http://b:80", kNow + 2s);
  EXPECT_FALSE(held.release(kNow));
  EXPECT_TRUE(held.release(kNow + 1s));
  EXPECT_TRUE(held.holds("http://b:80", kNow + 1s));
  EXPECT_TRUE(held.release(kNow + 2s));
  EXPECT_TRUE(held.empty());
}

}  // namespace
}  // namespace flagship::fetch
