// SPDX-License-Identifier: MIT
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>
#include <zmq.hpp>

#include "common/claim.hpp"
#include "common/os/unique_fd.hpp"
#include "common/pool_terms.hpp"
#include "common/wire/control.hpp"
#include "flagship/hosts.hpp"
#include "flagship/options.hpp"
#include "master/hosts/door.hpp"
#include "master/hosts/gatekeeper.hpp"
#include "master/hosts/launcher.hpp"
#include "master/pool/loop/fleet.hpp"

namespace flagship::hosts {

class Launchers;

struct AgentFleetSettings {
  Hosts hosts;
  PoolTerms terms;                                  // but for what differs from agent to agent
  std::vector<std::uint32_t> shares;                // of max_running, by agent; 0: no such limit
  std::uint32_t first_id = 0;                       // of the agents, as the loop counts workers
  std::uint32_t window = 0;                         // tasks that an agent may hold
  std::string program;                              // a path of this machine
  std::string build_id;                             // of it
  std::string folder;                               // private, for sockets
  std::function<void(const WorkerOutput&)> output;  // what workers elsewhere print
  std::function<void(std::string)> say;             // a line for people
};

/// The agents of other hosts: called by launchers, or coming by themselves; a PUSH socket each, one
/// PULL a door for what they say of tasks, and a ROUTER for what they say of themselves. To the
/// loop each is one worker that runs many calls at once. Not a whole Fleet: it never waits. The
/// loop's thread only.
///
/// Any of its connections lost, or nothing heard for as long as its lease, is the end of an agent's
/// life, whatever becomes of it: what it says later is dropped, and a new life is called.
class AgentFleet {
 public:
  using Ref = core::WorkerRef;

  /// Throws std::runtime_error or std::invalid_argument with a sentence.
  explicit AgentFleet(AgentFleetSettings settings);
  ~AgentFleet();

  /// How many agents these hosts mean.
  static std::uint32_t count(const Hosts& hosts);

  std::string start(Ref ref);
  void send(Ref ref, wire::Frames&& message);
  void signal(Ref ref, int signal);
  ClaimPage& claims(Ref ref) { return agent(ref).claims; }
  pid_t pid(Ref ref) const { return agent(ref).status.pid; }
  const std::string& host(Ref ref) const { return agent(ref).status.host; }
  void bury(Ref ref);
  void expect_end(Ref ref);
  void describe(PoolStatus& status) const;

  /// Readable when `read` may have something.
  int fd() const { return epoll_.get(); }
  /// Appends what has happened; never waits.
  void read(pool::Happenings& out);
  /// When `read` has something by itself; nothing: never.
  detail::Deadline next_time() const;

 private:
  using Clock = detail::Clock;
  /// `called`: not heard of yet. `greeted`: it knows how it is to be. `leaving`: it wants to go.
  enum class Phase { none, called, greeted, leaving };
  struct End {  // of a life, told a moment later: results may be on their way
    Clock::time_point at;
    std::string cause;
    bool in_order = false;
    bool quiet = false;  // no news to anybody
    bool hopeless = false;
    bool told = false;
  };
  struct Agent {
    const Host* host = nullptr;
    std::size_t host_index = 0;
    Launcher* launcher = nullptr;
    Door* door = nullptr;
    std::string title;
    Ref ref;
    Phase phase = Phase::none;
    std::string token;
    KeyPair keys;
    std::string route;  // to it, at its door's control socket
    ClaimPage claims;
    zmq::socket_t tasks;
    Door::Place tasks_place;
    zmq::socket_t monitor;  // of `tasks`
    std::deque<wire::Frames> unsent;
    bool expected_to_end = false;
    bool was_connected = false;                        // by the way of tasks
    std::optional<Clock::time_point> doubted_until{};  // whether it still is
    Clock::time_point called_at{};
    Clock::time_point heard{};
    Clock::time_point due{};  // to greet; zero: whenever it likes
    std::optional<End> end;
    HostStatus status;
    std::vector<wire::Beat::Worker> workers;
  };

  Agent& agent(Ref ref) { return agents_[ref.id - settings_.first_id]; }
  const Agent& agent(Ref ref) const { return agents_[ref.id - settings_.first_id]; }
  bool is_current(const Agent& agent, Ref ref) const {
    return agent.ref == ref && agent.phase != Phase::none;
  }

  void make_doors();
  void add_agents(const Launchers& launchers, const Host& host, std::size_t index);
  void watch(int fd);
  std::string name_of(const Agent& agent) const;
  void open(Agent& agent);
  std::string launch(Agent& agent);

  void read_control(Door& door);
  void read_results(Door& door, pool::Happenings& out);
  void read_monitor(Agent& agent);
  void resolve_doubt(Agent& agent, Clock::time_point now);
  void read_launchers();
  void check_times(pool::Happenings& out);
  void flush(Agent& agent);

  void on_message(Door& door, const std::string& route, zmq::message_t& first,
                  std::string_view bytes);
  void on_greeting(Door& door, const std::string& route, zmq::message_t& first,
                   const wire::Greeting& greeting);
  Agent* greeted_by(Door& door, zmq::message_t& first, const wire::Greeting& greeting,
                    std::string& why_not);
  Agent* joining(zmq::message_t& first, std::string& why_not);
  void welcome(Agent& agent);
  void on_beat(Agent& agent, const wire::Beat& beat);
  void on_leaving(Agent& agent, const wire::Leaving& leaving);
  void on_printed(const Agent& agent, const wire::Printed& printed);
  void refuse(Door& door, const std::string& route, const std::string& reason);
  void tell(Door& door, const std::string& route, const wire::ToAgent& message);
  Agent* speaker(Door& door, zmq::message_t& first);

  void end(Agent& agent, std::string cause, bool in_order = false, bool hopeless = false);
  void finish(Agent& agent, pool::Happenings& out);
  void mention(const std::string& line);
  void mention_stranger(const std::string& line);

  const AgentFleetSettings settings_;
  const std::uint64_t run_;
  zmq::context_t context_;
  UniqueFd epoll_;
  std::optional<Gatekeeper> gatekeeper_;
  std::optional<Ports> ports_;
  std::unique_ptr<Door> private_door_;  // for ssh
  std::unique_ptr<Door> ticket_door_;   // tcp, for agents that were given keys
  struct JoinDoor {
    std::size_t host = 0;
    std::unique_ptr<Door> door;
    std::string name;  // of whoever has the agents' keys
  };
  std::vector<JoinDoor> join_doors_;  // tcp, each with the keys of its host
  std::vector<std::unique_ptr<Launcher>> launchers_;
  std::vector<Agent> agents_;
  std::vector<Ref> leaving_;
  std::size_t refused_ = 0;
  std::size_t strangers_mentioned_ = 0;
};

}  // namespace flagship::hosts
