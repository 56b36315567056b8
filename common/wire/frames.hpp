// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace flagship::wire {

/// Bumped when a peer of the version before could misread a message.
inline constexpr std::uint32_t kProtocol = 1;

/// Results of this size and more travel as frames of their own.
inline constexpr std::size_t kOwnFrameBytes = 64 * 1024;
/// Arguments of this size and more do: nothing is lost by that, as a result's place in the outbox
/// is.
inline constexpr std::size_t kOwnArgumentBytes = 16 * 1024;
/// In a sizes column: the payload is the next frame.
inline constexpr std::uint32_t kOwnFrame = ~0u;

/// A frame on its way out: bytes of its own, or shared ones, all or some, that nobody changes.
struct Frame {
  std::string own;
  std::shared_ptr<const std::string> shared;
  std::size_t from = 0;
  std::size_t size = std::string_view::npos;  // at most
  std::string_view bytes() const {
    return shared ? std::string_view(*shared).substr(from, size) : std::string_view(own);
  }
};

/// A message on its way out: the envelope first, then payloads that travel by themselves.
using Frames = std::vector<Frame>;

inline Frames one_frame(std::string&& envelope) {
  Frames frames;
  frames.push_back({std::move(envelope), nullptr});
  return frames;
}

/// The message of an envelope and its payload frames, which are moved from and cleared.
inline Frames with_payloads(std::string&& envelope, Frames& payloads) {
  Frames frames = one_frame(std::move(envelope));
  for (Frame& payload : payloads) frames.push_back(std::move(payload));
  payloads.clear();
  return frames;
}

/// A frame that came in, kept alive by its owner.
struct Blob {
  std::string_view bytes;
  std::shared_ptr<const void> owner;
};

/// A message that came in.
using Blobs = std::vector<Blob>;

}  // namespace flagship::wire
