// SPDX-License-Identifier: MIT
#include "common/wire/outbox.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <string>

#include "common/claim.hpp"

namespace flagship::wire {
namespace {

using namespace std::chrono_literals;

struct OutboxTest : testing::Test {
  bool keep(std::uint64_t ticket, std::string_view payload) {
    CallResult result;
    result.ticket = ticket;
    result.payload = payload;
    return outbox.keep(result, 5us);
  }
  ClaimPage page = ClaimPage::create(3);
  Outbox outbox = page.outbox();
};

TEST_F(OutboxTest, what_was_kept_is_taken_once) {
  EXPECT_TRUE(outbox.empty());
  EXPECT_TRUE(keep(7, "seven"));
  EXPECT_TRUE(keep(8, ""));
  EXPECT_FALSE(outbox.empty());
  const Outbox::Unread unread = outbox.take();
  ASSERT_EQ(unread.results.size(), 2u);
  EXPECT_EQ(unread.results[0].ticket, 7u);
  EXPECT_EQ(unread.results[0].payload, "seven");
  EXPECT_EQ(unread.results[1].payload, "");
  EXPECT_EQ(unread.busy, 10us);
  EXPECT_TRUE(outbox.empty());
  EXPECT_TRUE(outbox.take().results.empty());
}

TEST_F(OutboxTest, an_ending_and_what_was_measured_come_along) {
  CallResult result;
  result.ticket = 1;
  result.ending = CallEnding::raised;
  result.usage = Usage{3ms, 2ms, 1ms, 4096};
  EXPECT_TRUE(outbox.keep(result, 3ms));
  const Outbox::Unread unread = outbox.take();
  ASSERT_EQ(unread.results.size(), 1u);
  EXPECT_EQ(unread.results[0].ending, CallEnding::raised);
  EXPECT_EQ(unread.results[0].usage->wall, 3ms);
  EXPECT_EQ(unread.results[0].usage->system, 1ms);
  EXPECT_EQ(unread.results[0].usage->peak_rss, 4096u);
}

TEST_F(OutboxTest, what_has_arrived_is_not_there_any_more) {
  keep(1, "one");
  const std::uint64_t first = outbox.end();
  keep(2, "two");
  outbox.arrived(first);
  const Outbox::Unread unread = outbox.take();
  ASSERT_EQ(unread.results.size(), 1u);
  EXPECT_EQ(unread.results[0].ticket, 2u);
  outbox.arrived(first);  // a message that was overtaken
  EXPECT_TRUE(outbox.empty());
}

TEST_F(OutboxTest, a_full_one_keeps_nothing_more_until_something_has_arrived) {
  const std::string payload(60'000, 'x');
  int kept = 0;
  while (keep(1, payload)) ++kept;
  EXPECT_EQ(kept, 4);
  EXPECT_EQ(outbox.take().results.size(), 4u);
  EXPECT_TRUE(keep(2, payload));
}

TEST_F(OutboxTest, what_is_too_large_is_skipped) {
  keep(1, "one");
  EXPECT_TRUE(outbox.skip());
  EXPECT_FALSE(outbox.has_arrived(outbox.end()));
  keep(3, "three");
  const Outbox::Unread unread = outbox.take();
  ASSERT_EQ(unread.results.size(), 2u);
  EXPECT_EQ(unread.results[1].payload, "three");
  outbox.skip();
  EXPECT_TRUE(outbox.take().results.empty());
  EXPECT_TRUE(outbox.has_arrived(outbox.end()));
}

TEST_F(OutboxTest, goes_round_and_round) {
  for (std::uint64_t i = 0; i < 1000; ++i) {
    const std::string payload(static_cast<std::size_t>(i * 37 % 3000),
                              static_cast<char>('a' + i % 26));
    ASSERT_TRUE(keep(i, payload));
    const Outbox::Unread unread = outbox.take();
    ASSERT_EQ(unread.results.size(), 1u);
    ASSERT_EQ(unread.results[0].ticket, i);
    ASSERT_EQ(unread.results[0].payload, payload);
  }
}

TEST_F(OutboxTest, results_outlive_the_memory_they_came_from) {
  keep(1, "kept");
  const Outbox::Unread unread = outbox.take();
  page = ClaimPage();
  EXPECT_EQ(unread.results.at(0).payload, "kept");
}

TEST_F(OutboxTest, what_a_worker_that_ran_wild_has_written_is_read_with_care) {
  keep(1, "good");
  keep(2, "bad");
  auto* const memory = reinterpret_cast<unsigned char*>(&page[0]) + 3 * sizeof(ClaimPlace);
  for (std::size_t at = 4096; at < 4096 + 200; ++at) {
    const unsigned char was = std::exchange(memory[at], 0xff);
    outbox.take();
    memory[at] = was;
    std::memset(memory + 8, 0, 8);  // as if nothing had been taken
  }
  std::memset(memory, 0xff, 8);
  EXPECT_TRUE(outbox.take().results.empty());
}

TEST_F(OutboxTest, running_times_that_a_worker_ran_wild_with_add_up_to_no_less_than_nothing) {
  CallResult result;
  outbox.keep(result, std::chrono::nanoseconds::max());
  outbox.keep(result, 1ns);
  EXPECT_EQ(outbox.take().busy, std::chrono::nanoseconds::max());
  outbox.keep(result, -1ns);
  EXPECT_TRUE(outbox.take().results.empty());
}

}  // namespace
}  // namespace flagship::wire
