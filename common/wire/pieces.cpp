// SPDX-License-Identifier: MIT
#include "common/wire/pieces.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "flagship/serializer.hpp"

namespace flagship::wire {
namespace {

std::string number(std::uint64_t value) {
  return std::string(reinterpret_cast<const char*>(&value), sizeof value);
}

void cut(Frame& payload, std::vector<Frames>& out) {
  if (!payload.shared) payload.shared = std::make_shared<const std::string>(std::move(payload.own));
  const std::size_t bytes = payload.shared->size();
  for (std::size_t at = 0; at < bytes; at += kPieceBytes) {
    Frames& piece = out.emplace_back(one_frame({}));
    piece.push_back({number(bytes), nullptr});
    piece.push_back({{}, payload.shared, at, std::min(kPieceBytes, bytes - at)});
  }
  payload = {};
}

}  // namespace

bool wants_pieces(const Frames& message) {
  return message.size() > 1 && std::any_of(message.begin() + 1, message.end(), [](const Frame& f) {
           return f.bytes().size() >= kInPieces;
         });
}

std::vector<Frames> in_pieces(Frames&& message) {
  std::vector<Frames> out;
  for (std::size_t i = 1; i < message.size(); ++i)
    if (message[i].bytes().size() >= kInPieces) cut(message[i], out);
  out.push_back(std::move(message));
  return out;
}

bool PieceReader::concerns(const Blobs& message) {
  return std::any_of(message.begin(), message.end(),
                     [](const Blob& frame) { return frame.bytes.empty(); });
}

bool PieceReader::take(Blobs& message) {
  if (!message.empty() && message[0].bytes.empty()) return !keep(message);
  if (unfinished_) return true;
  for (std::size_t i = 1; i < message.size() && !whole_.empty(); ++i) {
    if (!message[i].bytes.empty()) continue;
    bytes_ -= whole_.front()->size();
    message[i] = {*whole_.front(), whole_.front()};
    whole_.pop_front();
  }
  return true;
}

bool PieceReader::keep(const Blobs& piece) {
  std::uint64_t bytes = 0;
  if (piece.size() != 3 || piece[1].bytes.size() != sizeof bytes) return false;
  std::memcpy(&bytes, piece[1].bytes.data(), sizeof bytes);
  if (!unfinished_) {
    if (bytes < least_ || bytes > most_ - bytes_) return false;
    unfinished_ = std::make_shared<std::string>();
    unfinished_->reserve(bytes);
    detail::expect_large(unfinished_->data(), bytes);
    missing_ = bytes;
    bytes_ += bytes;
  }
  const std::string_view part = piece[2].bytes;
  if (part.empty() || part.size() > missing_) return false;
  unfinished_->append(part);
  missing_ -= part.size();
  if (missing_ == 0) whole_.push_back(std::exchange(unfinished_, nullptr));
  return true;
}

}  // namespace flagship::wire
