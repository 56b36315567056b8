// SPDX-License-Identifier: MIT
// How the payloads of a batch lie in its message: a column of sizes, the small ones behind each
// other in one field, each large one in a frame of its own behind the envelope.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "common/wire/frames.hpp"

namespace flagship::wire {

/// Whether a column of sizes says what is there. Whoever takes payloads asked this first.
template <class Sizes>
bool payloads_fit(const Sizes& sizes, std::string_view small, const Blobs& message) {
  std::size_t bytes = 0;
  std::size_t frames = 1;
  for (const std::uint32_t size : sizes) {
    if (size == kOwnFrame)
      ++frames;
    else
      bytes += size;
  }
  return bytes == small.size() && frames == message.size();
}

/// Takes the payloads of one message after another.
class PayloadCursor {
 public:
  void begin(const Blobs& message) {
    message_ = &message;
    frame_ = 1;
    offset_ = 0;
  }

  /// Only a large one has an owner.
  Blob next(std::uint32_t size, std::string_view small) {
    if (size == kOwnFrame) return (*message_)[frame_++];
    const std::string_view bytes = small.substr(offset_, size);
    offset_ += size;
    return {bytes, nullptr};
  }

 private:
  const Blobs* message_ = nullptr;
  std::size_t frame_ = 1;
  std::size_t offset_ = 0;
};

}  // namespace flagship::wire
