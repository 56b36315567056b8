// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace flagship::hosts {

/// Which agent of the pool (0 to n-1) and which life of it.
struct AgentRef {
  std::uint32_t id = 0;
  std::uint32_t incarnation = 0;
  friend bool operator==(const AgentRef&, const AgentRef&) = default;
};

/// What a launcher is told of one agent to be started.
struct AgentStart {
  AgentRef agent;
  std::string title;  // "build1", "main/2": for messages
  /// One line, with its end, for the agent's standard input, which then stays open until it is to
  /// go. It holds secrets: never in an argument, the environment or a log.
  std::string ticket;
  /// Unix sockets of this machine that the agent has to reach: for launchers that carry them.
  struct Socket {
    std::string here;   // path of this machine
    std::string there;  // path on the agent's host, which the ticket names; not there yet
  };
  std::vector<Socket> sockets{};
};

/// Starts agents somewhere, notices their end, stops them. The loop's thread only; nothing here
/// waits. Its destruction ends, kills and reaps all that it started.
class Launcher {
 public:
  struct Ended {
    AgentRef agent;
    /// A sentence: what ended, how, what it said; with what to do where known. Empty: it was
    /// stopped, and nothing else is known of its end.
    std::string cause;
    bool hopeless = false;  // another start would end the same way
  };

  virtual ~Launcher() = default;
  /// Begins a start. What goes wrong at once is the return value, empty when nothing did.
  virtual std::string start(const AgentStart& start) = 0;
  /// Readable when `read` may have something.
  virtual int fd() const = 0;
  /// Appends the starts that have ended, each once.
  virtual void read(std::vector<Ended>& out) = 0;
  /// Ends an agent's life: by the end of its standard input; `now`: at once, by killing what
  /// carries it. Its Ended comes all the same.
  virtual void stop(AgentRef agent, bool now) = 0;
  /// The process here that carries the agent, for checking who speaks through a carried socket; 0:
  /// none.
  virtual int carrier(AgentRef agent) const = 0;
};

}  // namespace flagship::hosts
