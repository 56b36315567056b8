// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>
#include <zmq.hpp>

#include "common/wire/control.hpp"
#include "common/wire/down.hpp"
#include "common/wire/up.hpp"
#include "worker/agent/lifeline.hpp"

namespace flagship::worker {

/// An agent's connections to its master: one for what it says of itself, one that brings tasks, one
/// for results. None is ever made a second time: whichever is lost, all are. One thread.
class Link {
 public:
  using Clock = std::chrono::steady_clock;

  /// Greets and waits for the answer. Throws LinkError.
  Link(wire::Ticket ticket, const wire::Greeting& greeting, const Lifeline& lifeline);

  const wire::AgentWelcome& welcome() const { return welcome_; }
  /// To the master and back, measured once.
  std::chrono::nanoseconds lag() const { return round_trip_; }
  /// Opens the ways of tasks and results.
  void open();
  /// The master has been heard by the way of tasks: nobody else needs to find it.
  void close_behind();

  /// Throws LinkError when the master refuses it, is lost or gone. Waits until there may be
  /// something, or `fds` (POLLIN) or the time has come; returns which of these are readable.
  std::vector<bool> wait(const std::vector<int>& fds, Clock::time_point until);
  /// A message by the way of tasks; false: none now. Views into it are good until the next.
  bool receive(wire::Blobs& message);
  void send(wire::Frames&& results);
  void say(const wire::FromAgent& message);
  void beat(std::vector<wire::Beat::Worker> workers);
  /// When the master was last heard.
  Clock::time_point heard() const { return heard_; }
  /// What is still to go out has this long, and the connections are closed.
  void close(std::chrono::milliseconds linger);

 private:
  zmq::socket_t make(int type, const std::string& public_key, const std::string& secret_key);
  void watch(zmq::socket_t& socket, const char* name);
  void read_control();
  std::string endpoint(const std::vector<std::string>& endpoints, std::size_t file) const;

  const wire::Ticket ticket_;
  const Lifeline lifeline_;
  wire::AgentWelcome welcome_;
  bool welcomed_ = false;
  zmq::context_t context_{1};
  zmq::socket_t control_, tasks_, results_;
  std::vector<zmq::socket_t> monitors_;
  std::string address_;  // of the master, as it was reached: "10.0.0.1"; empty: by a file
  Clock::time_point heard_{};
  int echoes_ = 0;
  std::chrono::nanoseconds round_trip_{};
  std::chrono::nanoseconds clock_skew_{};
};

}  // namespace flagship::worker
