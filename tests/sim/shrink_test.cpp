// SPDX-License-Identifier: MIT
#include "tests/sim/shrink.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

#include "tests/sim/walks.hpp"

namespace flagship::sim {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// A thing that breaks when a line with 7 or more somewhere comes before one that begins with 3 or
// more.
bool breaks(const Script& script) {
  bool armed = false;
  for (const auto& line : script) {
    if (armed && !line.empty() && line[0] >= 3) return true;
    for (const std::uint32_t number : line) armed = armed || number >= 7;
  }
  return false;
}

Script long_script() {
  Script script;
  for (std::uint32_t i = 0; i < 200; ++i) script.push_back({i % 9, i * 31 % 13, i % 2});
  return script;
}

TEST(Shrink, finds_the_smallest_script_that_fails) {
  ASSERT_TRUE(breaks(long_script()));
  EXPECT_THAT(shrink(long_script(), breaks, 10'000),
              ElementsAre(ElementsAre(0, 7), ElementsAre(3)));
}

TEST(Shrink, whatever_comes_out_still_fails_however_few_tries_there_are) {
  std::size_t before = long_script().size();
  for (const std::size_t tries : {0u, 1u, 5u, 20u, 100u}) {
    std::size_t tried = 0;
    const auto counted = [&](const Script& script) { return ++tried, breaks(script); };
    const Script small = shrink(long_script(), counted, tries);
    EXPECT_TRUE(breaks(small)) << tries;
    EXPECT_LE(tried, tries);
    EXPECT_LE(small.size(), before) << tries;
    before = small.size();
  }
}

TEST(Shrink, a_thing_that_always_fails_needs_no_script) {
  const auto always = [](const Script&) { return true; };
  EXPECT_THAT(shrink(long_script(), always, 10'000), IsEmpty());
}

TEST(Choices, a_script_can_be_written_down_and_read_again) {
  const Script script = {{1, 255, 0}, {}, {4096}};
  EXPECT_EQ(text_of(script), "1,ff,0..1000");
  EXPECT_EQ(script_from(text_of(script)), script);
}

TEST(Choices, a_script_decides_what_a_seed_has_decided) {
  Script script;
  std::vector<std::uint32_t> decided, again;
  const auto decide = [](Choices& choices, std::vector<std::uint32_t>& to) {
    for (std::uint32_t step = 0; step < 20; ++step) {
      choices.begin_step();
      for (std::uint32_t n = 1; n < 10; ++n) to.push_back(choices.below(n * 100));
      to.push_back(choices.take(step));
    }
  };
  Choices first(12);
  first.keep_in(script);
  decide(first, decided);
  Choices second(script);
  decide(second, again);
  EXPECT_EQ(decided, again);
}

TEST(Choices, what_a_script_does_not_say_is_zero) {
  const Script script = {{5}};
  Choices choices(script);
  choices.begin_step();
  EXPECT_EQ(choices.below(10), 5u);
  EXPECT_EQ(choices.below(10), 0u);
  EXPECT_FALSE(choices.over());
  choices.begin_step();
  EXPECT_TRUE(choices.over());
  EXPECT_EQ(choices.below(10), 0u);
}

TEST(Walks, a_seed_tells_the_same_story_every_time) {
  for (const std::uint64_t seed : {0u, 7u, 4711u}) {
    EXPECT_EQ(story_of(seed), story_of(seed));
    EXPECT_NE(story_of(seed), story_of(seed + 1));
  }
}

}  // namespace
}  // namespace flagship::sim
