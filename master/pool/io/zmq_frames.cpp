// SPDX-License-Identifier: MIT
#include "master/pool/io/zmq_frames.hpp"

#include <charconv>
#include <memory>
#include <string_view>
#include <utility>

#include "common/transport/zmq_message.hpp"

namespace flagship::pool {

// "localhost:uid:gid:pid"
pid_t peer_pid(zmq::message_t& message) {
  const std::string_view address = message.gets("Peer-Address");
  const std::string_view digits = address.substr(address.rfind(':') + 1);
  pid_t pid = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), pid);
  return pid;
}

bool receive(zmq::socket_t& socket, std::shared_ptr<zmq::message_t>& first, wire::Blobs& message) {
  message.clear();
  for (;;) {
    auto part = std::make_shared<zmq::message_t>();
    if (!socket.recv(*part, zmq::recv_flags::dontwait)) return false;
    if (message.empty()) first = part;
    message.push_back({part->to_string_view(), part});
    if (!part->more()) return true;
  }
}

bool send(zmq::socket_t& socket, wire::Frames& message) {
  if ((socket.get(zmq::sockopt::events) & ZMQ_POLLOUT) == 0) return false;
  for (std::size_t i = 0; i < message.size(); ++i) {
    const auto more = i + 1 < message.size() ? zmq::send_flags::sndmore : zmq::send_flags::none;
    socket.send(wire::message_of(std::move(message[i])), zmq::send_flags::dontwait | more);
  }
  return true;
}

}  // namespace flagship::pool
