// SPDX-License-Identifier: MIT
#include "common/claim.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <system_error>
#include <thread>

namespace flagship {
namespace {

TEST(ClaimPage, a_new_page_holds_nothing) {
  ClaimPage page = ClaimPage::create(16);
  EXPECT_EQ(page.size(), 16u);
  for (std::size_t i = 0; i < 16; ++i) {
    EXPECT_FALSE(page[i].begin(0));
    EXPECT_FALSE(page[i].recall(1));
    EXPECT_TRUE(page[i].is(0, Claim::free));
  }
}

TEST(ClaimPage, a_held_place_can_be_begun_once) {
  ClaimPage page = ClaimPage::create(1);
  page[0].hold(7);
  EXPECT_TRUE(page[0].is(7, Claim::held));
  EXPECT_TRUE(page[0].begin(7));
  EXPECT_FALSE(page[0].begin(7));
  EXPECT_FALSE(page[0].recall(7)) << "it runs";
  page[0].finish(7);
  EXPECT_TRUE(page[0].is(7, Claim::finished));
}

TEST(ClaimPage, a_recalled_place_cannot_be_begun) {
  ClaimPage page = ClaimPage::create(1);
  page[0].hold(7);
  EXPECT_TRUE(page[0].recall(7));
  EXPECT_FALSE(page[0].begin(7));
  EXPECT_FALSE(page[0].recall(7));
}

TEST(ClaimPage, another_stamp_is_another_task) {
  ClaimPage page = ClaimPage::create(1);
  page[0].hold(7);
  EXPECT_FALSE(page[0].begin(8));
  EXPECT_FALSE(page[0].recall(6));
  EXPECT_FALSE(page[0].is(8, Claim::held));
  EXPECT_TRUE(page[0].begin(7));
}

TEST(ClaimPage, a_lent_place_can_be_stopped_and_is_never_taken_back) {
  ClaimPage page = ClaimPage::create(1);
  page[0].lend(7);
  EXPECT_TRUE(page[0].is(7, Claim::lent));
  EXPECT_FALSE(page[0].recall(7)) << "only the agent knows";
  EXPECT_FALSE(page[0].begin(7));
  EXPECT_EQ(page[0].running_since(7), std::nullopt);
  EXPECT_FALSE(page[0].stop(8));
  EXPECT_TRUE(page[0].stop(7));
  EXPECT_FALSE(page[0].stop(7));
  page[0].lent_has_begun(7);
  EXPECT_TRUE(page[0].is(7, Claim::stopped)) << "it was stopped first";
}

TEST(ClaimPage, a_lent_place_runs_once_its_agent_has_said_so) {
  ClaimPage page = ClaimPage::create(1);
  page[0].lend(7);
  page[0].lent_has_begun(8);
  EXPECT_TRUE(page[0].is(7, Claim::lent)) << "another stamp is another task";
  page[0].lent_has_begun(7);
  EXPECT_TRUE(page[0].is(7, Claim::running));
  EXPECT_FALSE(page[0].recall(7));
  EXPECT_TRUE(page[0].stop(7));
  page[0].hold(9);
  page[0].lent_has_begun(9);
  EXPECT_TRUE(page[0].is(9, Claim::held)) << "it was lent to nobody";
}

TEST(ClaimPage, both_sides_see_the_same_page) {
  ClaimPage ours = ClaimPage::create(8);
  ClaimPage theirs = ClaimPage::map(ours.fd(), 8);
  ours[3].hold(1);
  EXPECT_TRUE(theirs[3].begin(1));
  EXPECT_TRUE(ours[3].is(1, Claim::running));
}

TEST(ClaimPage, the_memory_outlives_its_descriptor_and_moves_with_the_page) {
  ClaimPage page = ClaimPage::create(4);
  page[2].hold(5);
  page.take_fd();
  ClaimPage moved = std::move(page);
  ClaimPage assigned;
  assigned = std::move(moved);
  EXPECT_TRUE(assigned[2].is(5, Claim::held));
}

TEST(ClaimPage, a_descriptor_that_is_none_is_an_error) {
  EXPECT_THROW(ClaimPage::map(-1, 4), std::system_error);
}

TEST(ClaimPage, exactly_one_side_decides) {
  ClaimPage page = ClaimPage::create(1);
  for (std::uint32_t stamp = 1; stamp <= 2000; ++stamp) {
    page[0].hold(stamp);
    std::atomic<int> decided{0};
    std::thread worker([&] { decided += page[0].begin(stamp) ? 1 : 0; });
    decided += page[0].recall(stamp) ? 1 : 0;
    worker.join();
    ASSERT_EQ(decided, 1);
    if (stamp % 20 != 0) stamp += 19;  // a thread each: some are enough
  }
}

}  // namespace
}  // namespace flagship
