// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include "worker/fetch/robots_tag.hpp"

namespace flagship::fetch {
namespace {

TEST(RobotsTag, RefusesByAnyOfItsDirectives) {
  for (const char* word : {"noai", "noimageai", "noindex", "noimageindex", "none"})
    EXPECT_EQ(refusing_directive(word, "flagship"), word);
  EXPECT_EQ(refusing_directive("nofollow, NoAI", "flagship"), "noai");
  EXPECT_EQ(refusing_directive("nofollow\nnoindex", "flagship"), "noindex");
}

TEST(RobotsTag, AllowsWhatItDoesNotRefuse) {
  for (const char* value : {"", "all", "nofollow, noarchive", "noaim", "index", ",,,", ":"})
    EXPECT_EQ(refusing_directive(value, "flagship"), "") << value;
}

TEST(RobotsTag, IsForTheRobotThatItNames) {
  EXPECT_EQ(refusing_directive("googlebot: noindex", "flagship"), "");
  EXPECT_EQ(refusing_directive("Flagship: noindex", "flagship"), "noindex");
  EXPECT_EQ(refusing_directive("googlebot: noindex\nnoai", "flagship"), "noai");
}

TEST(RobotsTag, HasDirectivesWithValuesThatNameNobody) {
  EXPECT_EQ(refusing_directive("max-snippet: 10, noindex", "flagship"), "noindex");
  EXPECT_EQ(refusing_directive("noindex, max-snippet: 10", "flagship"), "noindex");
  EXPECT_EQ(refusing_directive("unavailable_after: 25 Jun 2030 15:00:00 PST", "flagship"), "");
}

}  // namespace
}  // namespace flagship::fetch
