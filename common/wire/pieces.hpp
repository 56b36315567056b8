// SPDX-License-Identifier: MIT
// Between processes of one host a very large payload travels ahead of its message, in pieces.
// Whole, it would be received into memory that the transport takes anew each time, page by page,
// which takes longer than the rest of the way; pieces come in memory that is used again and are put
// together in large pages.
//
// A piece is a message without an envelope: an empty frame, the bytes of the whole payload as a
// number as it lies in memory, and the bytes of the piece. In its message the payload's frame is
// empty, which no other frame behind an envelope is.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "common/wire/frames.hpp"

namespace flagship::wire {

inline constexpr std::size_t kPieceBytes = std::size_t{1} << 20;
/// Payloads of this size and more travel in pieces.
inline constexpr std::size_t kInPieces = std::size_t{4} << 20;

/// Whether a message has a payload that travels in pieces.
bool wants_pieces(const Frames& message);
/// What to send in its stead, in this order.
std::vector<Frames> in_pieces(Frames&& message);

/// Puts together again what one sender sends. One thread.
class PieceReader {
 public:
  /// Takes none.
  PieceReader() = default;
  /// `most`: bytes of payloads that may wait for their message. `least`: bytes of each, or it would
  /// not have been cut.
  explicit PieceReader(std::size_t most, std::size_t least = kInPieces)
      : most_(most), least_(least) {}

  /// Whether `take` is wanted for a message; most are whole as they come.
  static bool concerns(const Blobs& message);
  /// True: the message is whole now. False: it was a piece, which is kept, and the blobs are of no
  /// more use. What does not fit together is left as it came, and so cannot be read as a message.
  bool take(Blobs& message);

 private:
  bool keep(const Blobs& piece);

  std::size_t most_ = 0;
  std::size_t least_ = kInPieces;
  std::size_t bytes_ = 0;                    // of `unfinished_`, once it is whole, and `whole_`
  std::shared_ptr<std::string> unfinished_;  // reserved for all its bytes
  std::size_t missing_ = 0;                  // bytes of it
  std::deque<std::shared_ptr<const std::string>> whole_;  // whose message has not come yet
};

}  // namespace flagship::wire
