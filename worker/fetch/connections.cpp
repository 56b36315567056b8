// SPDX-License-Identifier: MIT
#include "worker/fetch/connections.hpp"

#include <cerrno>
#include <iterator>
#include <string>

namespace flagship::fetch {
namespace {

int port_of(int socket) {
  sockaddr_storage own{};
  socklen_t size = sizeof own;
  if (::getsockname(socket, reinterpret_cast<sockaddr*>(&own), &size) != 0) return 0;
  const auto endpoint = endpoint_of(reinterpret_cast<const sockaddr&>(own));
  return endpoint ? endpoint->port : 0;
}

std::optional<Endpoint> endpoint_from(std::string_view address, int port) {
  std::string text(address);
  if (text.find(':') != std::string::npos) text = "[" + text + "]";
  return parse_endpoint(text + ":" + std::to_string(port));
}

}  // namespace

void Connections::opened(int socket, const Endpoint& peer) { sockets_[socket] = {peer, 0}; }

void Connections::closed(int socket) {
  const auto at = sockets_.find(socket);
  if (at == sockets_.end()) return;
  const auto [first, last] = by_port_.equal_range(at->second.local_port);
  for (auto i = first; i != last; ++i) {
    if (i->second != socket) continue;
    by_port_.erase(i);
    break;
  }
  sockets_.erase(at);
}

void Connections::connected(std::span<const int> candidates, int local_port) {
  for (const int socket : candidates) {
    const auto at = sockets_.find(socket);
    if (at == sockets_.end() || at->second.local_port != 0) continue;
    if (candidates.size() > 1 && port_of(socket) != local_port) continue;
    at->second.local_port = local_port;
    by_port_.emplace(local_port, socket);
    return;
  }
}

int Connections::find(int local_port, std::string_view peer_address, int peer_port) const {
  const auto [first, last] = by_port_.equal_range(local_port);
  if (first == last) return -1;
  if (std::next(first) == last) return first->second;
  const auto peer = endpoint_from(peer_address, peer_port);
  for (auto i = first; i != last; ++i) {
    if (peer && is(i->second, *peer)) return i->second;
  }
  return -1;
}

bool Connections::is(int socket, const Endpoint& peer) const {
  return sockets_.at(socket).peer == peer;
}

bool holds_unread(int socket) {
  char byte = 0;
  const auto got = ::recv(socket, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return got >= 0 || (errno != EAGAIN && errno != EINTR);
}

}  // namespace flagship::fetch
