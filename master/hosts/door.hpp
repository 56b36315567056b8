// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>
#include <zmq.hpp>

#include "common/agent_keys.hpp"
#include "flagship/hosts.hpp"

namespace flagship::hosts {

/// How all sockets of a pool's doors are set up.
struct DoorSettings {
  duration lease{};
  std::size_t max_message_bytes = 0;
  int window = 0;  // tasks that an agent may hold
};

/// The TCP ports that may be listened on, each once.
class Ports {
 public:
  Ports(std::uint16_t first, std::uint16_t last) : next_(first), last_(last) {}
  /// Binds the socket to one that is free. Throws std::runtime_error with a sentence.
  std::uint16_t bind(zmq::socket_t& socket);
  /// To be used again; it is free when its socket is closed.
  void give_back(std::uint16_t port);

 private:
  std::uint32_t next_;
  std::uint32_t last_;
  std::vector<std::uint16_t> returned_;
};

/// A way for agents to come in: a socket for what they say of themselves, one for results, and one
/// for the tasks of each agent's one life. Either unix sockets in a private folder, which ssh
/// carries to its hosts; or TCP with CURVE, where only keys that a Gatekeeper knows come in. One
/// thread.
class Door {
 public:
  Door(zmq::context_t& context, const DoorSettings& settings, std::string folder);
  Door(zmq::context_t& context, const DoorSettings& settings, KeyPair keys, Ports& ports,
       std::vector<std::string> addresses);

  bool is_private() const { return ports_ == nullptr; }
  const KeyPair& keys() const { return keys_; }
  zmq::socket_t& control() { return control_; }
  zmq::socket_t& results() { return results_; }

  /// Where a socket is bound.
  struct Place {
    std::string path;        // of a unix socket; else empty
    std::uint16_t port = 0;  // 0: none
  };
  const Place& control_place() const { return control_place_; }
  const Place& results_place() const { return results_place_; }
  struct Tasks {
    zmq::socket_t socket;
    Place place;
  };
  /// For one agent's one life; `name` is in no other's. Throws.
  Tasks open(const std::string& name);
  /// The socket is closed; it is somebody else's place now.
  void close(const Place& place);
  /// Of a place, for agents to try.
  std::vector<std::string> endpoints(const Place& place) const;

 private:
  zmq::socket_t make(int type, const std::string& domain) const;
  Place bind(zmq::socket_t& socket, const std::string& name);

  zmq::context_t& context_;
  const DoorSettings settings_;
  const std::string folder_;
  const KeyPair keys_;
  Ports* const ports_ = nullptr;
  const std::vector<std::string> addresses_;
  zmq::socket_t control_, results_;
  Place control_place_, results_place_;
};

/// Domains of a ZAP request: whoever is known may speak; tasks go only to whom they are for.
inline constexpr const char* kAnyAgent = "agents";

/// The addresses of this machine that another can reach; the loopback's when it has no other.
std::vector<std::string> own_addresses();

}  // namespace flagship::hosts
