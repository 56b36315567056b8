// SPDX-License-Identifier: MIT
#include "common/wire/pieces.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "tests/unit/fake_fleet.hpp"

namespace flagship::wire {
namespace {

using pool::blobs_of;
using testing::SizeIs;

constexpr std::size_t kMost = 3 * kInPieces;

std::string payload_of(std::size_t bytes) {
  std::string payload(bytes, '\0');
  for (std::size_t i = 0; i < bytes; ++i) payload[i] = static_cast<char>(i * 2654435761u >> 13);
  return payload;
}

Frames message_of(const std::vector<std::string>& payloads) {
  Frames message = one_frame("envelope");
  for (const std::string& payload : payloads) message.push_back({payload, nullptr});
  return message;
}

Blobs piece(std::uint64_t bytes, const std::string& part) {
  Frames frames = one_frame({});
  frames.push_back({std::string(reinterpret_cast<const char*>(&bytes), sizeof bytes), nullptr});
  frames.push_back({part, nullptr});
  return blobs_of(frames);
}

TEST(Pieces, small_payloads_travel_with_their_message) {
  EXPECT_FALSE(wants_pieces(one_frame("envelope")));
  EXPECT_FALSE(wants_pieces(message_of({payload_of(kInPieces - 1)})));
  EXPECT_FALSE(PieceReader::concerns(blobs_of(message_of({payload_of(kOwnFrameBytes)}))));
}

TEST(Pieces, what_was_cut_is_whole_again_behind_its_envelope) {
  const std::vector<std::string> payloads{payload_of(kInPieces), payload_of(kOwnFrameBytes),
                                          payload_of(kInPieces + kPieceBytes + 1)};
  ASSERT_TRUE(wants_pieces(message_of(payloads)));
  const std::vector<Frames> parts = in_pieces(message_of(payloads));
  ASSERT_THAT(parts, SizeIs(4 + 6 + 1));
  PieceReader reader(kMost);
  Blobs message;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    message = blobs_of(parts[i]);
    ASSERT_TRUE(PieceReader::concerns(message));
    EXPECT_EQ(reader.take(message), i + 1 == parts.size());
  }
  ASSERT_THAT(message, SizeIs(4));
  EXPECT_EQ(message[0].bytes, "envelope");
  for (std::size_t i = 0; i < payloads.size(); ++i) EXPECT_EQ(message[i + 1].bytes, payloads[i]);
}

TEST(Pieces, a_shared_payload_is_not_copied_to_be_cut) {
  const auto shared = std::make_shared<const std::string>(payload_of(kInPieces));
  Frames message = one_frame("envelope");
  message.push_back({{}, shared});
  const std::vector<Frames> parts = in_pieces(std::move(message));
  EXPECT_EQ(parts[0][2].bytes().data(), shared->data());
  EXPECT_EQ(parts[3][2].bytes().data(), shared->data() + 3 * kPieceBytes);
}

TEST(Pieces, one_message_after_another_may_have_as_much_as_is_allowed) {
  PieceReader reader(kInPieces);
  for (int i = 0; i < 3; ++i) {
    Blobs message;
    for (const Frames& part : in_pieces(message_of({payload_of(kInPieces)}))) {
      message = blobs_of(part);
      reader.take(message);
    }
    EXPECT_EQ(message.at(1).bytes.size(), kInPieces);
  }
}

// It cannot be read as a message then, since it has no envelope.
TEST(Pieces, what_does_not_fit_is_left_as_it_came) {
  const std::string mib = payload_of(kPieceBytes);
  PieceReader reader(2 * kInPieces);
  const auto refused = [&](Blobs message) {
    const std::size_t frames = message.size();
    return reader.take(message) && message.size() == frames && message[0].bytes.empty();
  };
  EXPECT_TRUE(refused(blobs_of(one_frame({}))));
  EXPECT_TRUE(refused(piece(kInPieces - 1, mib))) << "too small to be cut";
  EXPECT_TRUE(refused(piece(2 * kInPieces + 1, mib))) << "more than is allowed";
  EXPECT_TRUE(refused(piece(~0ull, mib)));
  Blobs first = piece(kInPieces + 1, payload_of(kInPieces));
  EXPECT_FALSE(reader.take(first));
  EXPECT_TRUE(refused(piece(kInPieces + 1, ""))) << "no bytes";
  EXPECT_TRUE(refused(piece(kInPieces + 1, "ab"))) << "one byte is missing, not two";
  Blobs last = piece(kInPieces + 1, "a");
  EXPECT_FALSE(reader.take(last));
  EXPECT_TRUE(refused(piece(kInPieces, mib))) << "with what waits it is too much";
}

TEST(Pieces, a_payload_that_has_not_come_stays_empty) {
  PieceReader reader(kMost);
  Blobs message = blobs_of(message_of({""}));
  EXPECT_TRUE(reader.take(message));
  EXPECT_TRUE(message[1].bytes.empty());
  Blobs first = piece(kInPieces, payload_of(kPieceBytes));
  EXPECT_FALSE(reader.take(first));
  EXPECT_TRUE(reader.take(message)) << "nor one of which there is only a part";
  EXPECT_TRUE(message[1].bytes.empty());
}

}  // namespace
}  // namespace flagship::wire
