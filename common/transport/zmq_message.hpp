// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <utility>
#include <zmq.hpp>

#include "common/wire/frames.hpp"

namespace flagship::wire {

/// Frames of fewer bytes are copied sooner than handed over.
inline constexpr std::size_t kWorthHandingOver = 16 * 1024;

/// A frame on its way out; a large one is not copied.
inline zmq::message_t message_of(Frame&& frame) {
  if (frame.bytes().size() < kWorthHandingOver)
    return zmq::message_t(frame.bytes().data(), frame.bytes().size());
  auto* const kept = new Frame(std::move(frame));  // libzmq gives it back when it is out
  return zmq::message_t(
      const_cast<char*>(kept->bytes().data()), kept->bytes().size(),
      [](void*, void* hint) { delete static_cast<Frame*>(hint); }, kept);
}

}  // namespace flagship::wire
