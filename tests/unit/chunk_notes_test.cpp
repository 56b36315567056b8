// SPDX-License-Identifier: MIT
#include "flagship/detail/chunk_notes.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>

namespace flagship::detail {
namespace {

TEST(ChunkNotes, hold_the_outcomes_of_any_size_one_behind_the_other) {
  const auto shared = std::make_unique<ChunkNotes::Shared>();
  ChunkNotes::begin_call(shared.get(), 7);
  ChunkNotes notes = ChunkNotes::of_this_call();
  std::string outcomes;
  for (std::size_t size = 0; size < 40; ++size) {
    for (std::size_t i = 0; i < size; ++i)
      outcomes += static_cast<char>('a' + outcomes.size() % 26);
    ASSERT_TRUE(notes.note(outcomes));
    EXPECT_EQ(ChunkNotes::read(*shared, 7), outcomes);
  }
  ChunkNotes::begin_call(nullptr, 0);
}

TEST(ChunkNotes, refuse_what_finds_no_room) {
  const auto shared = std::make_unique<ChunkNotes::Shared>();
  ChunkNotes::begin_call(shared.get(), 7);
  ChunkNotes notes = ChunkNotes::of_this_call();
  std::string outcomes(ChunkNotes::kRoom - 5, 'x');
  EXPECT_TRUE(notes.note(outcomes));
  outcomes += "12345";
  EXPECT_TRUE(notes.note(outcomes));
  outcomes += "6";
  EXPECT_FALSE(notes.note(outcomes));
  EXPECT_EQ(ChunkNotes::read(*shared, 7).size(), ChunkNotes::kRoom);
  ChunkNotes::begin_call(nullptr, 0);
}

}  // namespace
}  // namespace flagship::detail
