// SPDX-License-Identifier: MIT
// The packet that tells a new process which worker it is.
#include "common/spawn_request.hpp"

#include <sys/socket.h>

#include <stdexcept>

#include "flagship/serializer.hpp"
#include "tests/fuzz/target.hpp"

namespace {

using flagship::fuzz::check;

struct Sockets {
  int ends[2];
  Sockets() {
    check(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0, "there is a socket");
  }
};

std::string written(const flagship::SpawnRequest& request) {
  std::string bytes;
  flagship::Writer(bytes).put(request);
  return bytes;
}

}  // namespace

FUZZ_TARGET(spawn_request) {
  static const Sockets sockets;
  if (bytes.empty() || bytes.size() > 16 * 1024) return;  // the end; more than any packet is
  check(send(sockets.ends[0], bytes.data(), bytes.size(), 0) >= 0, "it is sent");
  flagship::ReceivedRequest received;
  try {
    check(flagship::receive_request(sockets.ends[1], received), "it is there");
  } catch (const flagship::SerializationError&) {
    return;
  }
  check(!received.claim_page, "no descriptor comes from nowhere");
  check(!received.output, "no descriptor comes from nowhere");
  flagship::send_request(sockets.ends[0], received.request, sockets.ends[0], sockets.ends[1]);
  flagship::ReceivedRequest again;
  check(flagship::receive_request(sockets.ends[1], again), "what was sent is received");
  check(again.claim_page && again.output, "its descriptors, too");
  check(written(again.request) == written(received.request), "it is the same");
}
