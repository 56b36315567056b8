// SPDX-License-Identifier: MIT
#pragma once

#include <span>
#include <string_view>
#include <unordered_map>

#include "worker/fetch/address_policy.hpp"

namespace flagship::fetch {

/// The sockets that an engine opened and to whom. When libcurl is about to use a connection again
/// it names it by its addresses only; this finds the socket behind them.
class Connections {
 public:
  void opened(int socket, const Endpoint& peer);
  void closed(int socket);
  /// One of `candidates` is connected, from `local_port`.
  void connected(std::span<const int> candidates, int local_port);

  /// The socket of `peer` whose own port is `local_port`; -1: none.
  int find(int local_port, std::string_view peer_address, int peer_port) const;
  const Endpoint& peer(int socket) const { return sockets_.at(socket).peer; }

 private:
  struct Socket {
    Endpoint peer;
    int local_port = 0;  // 0: not connected yet
  };

  bool is(int socket, const Endpoint& peer) const;

  std::unordered_map<int, Socket> sockets_;
  std::unordered_multimap<int, int> by_port_;
};

/// Whether something came over an idle connection: bytes nobody asked for, or its end.
bool holds_unread(int socket);

}  // namespace flagship::fetch
