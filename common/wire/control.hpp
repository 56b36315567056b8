// SPDX-License-Identifier: MIT
// What a master and an agent say to each other besides tasks and results, written and read.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "common/wire/frames.hpp"
#include "common/wire/up.hpp"

namespace flagship::wire {

/// What an agent must know before it can say anything.
struct Ticket {
  std::uint32_t protocol = kProtocol;
  std::uint64_t run = 0;
  Sender agent;
  std::string token;                 // empty: it joins by its key alone
  std::vector<std::string> control;  // endpoints, to be tried all at once
  std::string master_key;            // CURVE; empty: the way there is private
  std::string public_key, secret_key;
  std::vector<std::string> files;  // to be removed once the way is open
};

/// One line, with its end. It holds secrets.
std::string write_ticket(const Ticket& ticket);
/// Nothing: it is none.
std::optional<Ticket> read_ticket(std::string_view line);

// ---- agent to master

struct Greeting {
  std::uint32_t protocol = kProtocol;
  std::uint64_t run = 0;
  std::string token;
  Sender agent;
  std::string build_id;
  std::string version;
  std::string host;
  pid_t pid = 0;
  std::uint32_t cpus = 0;
  std::uint64_t memory = 0;  // bytes
};

struct Beat {
  struct Worker {
    pid_t pid = 0;            // 0: there is none of this number
    std::uint32_t state = 0;  // a WorkerState
    std::uint32_t held = 0;
  };
  std::uint64_t sent_ns = 0;              // comes back in the Echo
  std::chrono::nanoseconds round_trip{};  // the shortest so far; zero: none yet
  std::chrono::nanoseconds clock_skew{};  // its time of day is ahead by this
  std::vector<Worker> workers;
};

struct Leaving {
  std::string reason;
  bool now = false;  // it is gone with this message
};

struct Printed {
  std::uint32_t worker = 0;
  pid_t pid = 0;
  std::string text;
};

using FromAgent = std::variant<Greeting, Beat, Leaving, Printed>;
std::string write(const FromAgent& message);
std::optional<FromAgent> read_from_agent(std::string_view bytes);

// ---- master to agent

struct AgentWelcome {
  Sender agent;
  std::vector<std::string> tasks;  // endpoints
  std::vector<std::string> results;
  std::chrono::nanoseconds lease{};
  std::string pool;                    // a written PoolTerms
  std::string public_key, secret_key;  // for tasks and results; empty: as the ticket has it
};

struct Refusal {
  std::string reason;
};

struct Echo {
  std::uint64_t sent_ns = 0;
  std::uint64_t now_ns = 0;  // the master's time of day
};

using ToAgent = std::variant<AgentWelcome, Refusal, Echo>;
std::string write(const ToAgent& message);
std::optional<ToAgent> read_to_agent(std::string_view bytes);

}  // namespace flagship::wire
