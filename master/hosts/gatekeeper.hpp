// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>
#include <zmq.hpp>

namespace flagship::hosts {

/// Decides which CURVE keys come in: ZeroMQ's authentication protocol (RFC 27), answered in the
/// loop's thread. Who has no key that is known here is dropped at the handshake and counted. There
/// is to be one before the first door that needs it.
class Gatekeeper {
 public:
  explicit Gatekeeper(zmq::context_t& context);

  /// Whoever has the secret of this key (Z85) comes in as `name`: at every socket that anybody may
  /// use, and where its own tasks are.
  void let_in(const std::string& public_key, const std::string& name);
  /// Nobody comes in by it any more; who is in already stays.
  void strike(const std::string& public_key);

  /// Answers all that wait.
  void read();
  zmq::socket_t& socket() { return requests_; }
  std::size_t refused() const { return refused_; }
  /// Whom it has refused since this was last asked: addresses.
  std::vector<std::string> take_refusals() { return std::exchange(refusals_, {}); }

 private:
  struct Request;
  bool knows(const Request& request, std::string& name) const;
  void answer(const Request& request);

  zmq::socket_t requests_;
  std::unordered_map<std::string, std::string> names_;  // by key, in Z85
  std::size_t refused_ = 0;
  std::vector<std::string> refusals_;
};

}  // namespace flagship::hosts
