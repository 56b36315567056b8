// SPDX-License-Identifier: MIT
// Messages of ZeroMQ as the loop knows them.
#pragma once

#include <sys/types.h>

#include <zmq.hpp>

#include "common/wire/frames.hpp"

namespace flagship::pool {

/// Which process is at the other end of the unix socket that a message came by; the kernel says.
pid_t peer_pid(zmq::message_t& message);

/// A whole message, or nothing; never waits. `first` is its first frame, still whole, for what
/// ZeroMQ knows of the sender; all frames are in `message`.
bool receive(zmq::socket_t& socket, std::shared_ptr<zmq::message_t>& first, wire::Blobs& message);
/// False: it cannot go out now, and is whole as before. Never waits.
bool send(zmq::socket_t& socket, wire::Frames& message);

}  // namespace flagship::pool
