// SPDX-License-Identifier: MIT
// The fleet's members that listen to agents and answer: who one is, whether it may come, what it
// reports.
#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <utility>

#include "flagship/serializer.hpp"
#include "master/hosts/agent_fleet.hpp"
#include "master/pool/io/zmq_frames.hpp"

namespace flagship::hosts {
namespace {

constexpr auto kWalltimeMargin = std::chrono::seconds(30);

// Takes as long whatever is different.
bool same_secret(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  unsigned different = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    different |= static_cast<unsigned char>(a[i]) ^ static_cast<unsigned char>(b[i]);
  return different == 0;
}

// As the gatekeeper named its key.
std::string name_in(zmq::message_t& message) {
  try {
    return message.gets("User-Id");
  } catch (const zmq::error_t&) {
    return {};
  }
}

std::uint64_t time_of_day() {
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(
                                        std::chrono::system_clock::now().time_since_epoch())
                                        .count());
}

}  // namespace

// Whose key, or whose carrier, it came by.
AgentFleet::Agent* AgentFleet::speaker(Door& door, zmq::message_t& first) {
  const std::string name = door.is_private() ? std::string() : name_in(first);
  const pid_t pid = door.is_private() ? pool::peer_pid(first) : 0;
  for (Agent& agent : agents_) {
    if (agent.door != &door || agent.phase == Phase::none) continue;
    const bool its =
        door.is_private()
            ? pid != 0 && agent.launcher->carrier({agent.ref.id, agent.ref.incarnation}) == pid
            : name == name_of(agent);
    if (its) return &agent;
  }
  return nullptr;
}

void AgentFleet::on_message(Door& door, const std::string& route, zmq::message_t& first,
                            std::string_view bytes) {
  const std::optional<wire::FromAgent> message = wire::read_from_agent(bytes);
  if (!message) {
    ++refused_;
    return mention_stranger("somebody says what cannot be read: dropped");
  }
  if (const auto* const greeting = std::get_if<wire::Greeting>(&*message))
    return on_greeting(door, route, first, *greeting);
  for (Agent& agent : agents_) {
    if (agent.door != &door || agent.route != route || agent.phase == Phase::none || agent.end)
      continue;
    agent.heard = Clock::now();
    if (const auto* const beat = std::get_if<wire::Beat>(&*message)) on_beat(agent, *beat);
    if (const auto* const left = std::get_if<wire::Leaving>(&*message)) on_leaving(agent, *left);
    if (const auto* const text = std::get_if<wire::Printed>(&*message)) on_printed(agent, *text);
    return;
  }
  tell(door, route, wire::Refusal{"this agent was given up; its calls are elsewhere by now"});
}

void AgentFleet::on_greeting(Door& door, const std::string& route, zmq::message_t& first,
                             const wire::Greeting& greeting) {
  std::string why_not;
  Agent* const agent = greeted_by(door, first, greeting, why_not);
  if (agent == nullptr) return refuse(door, route, why_not);
  why_not.clear();
  if (greeting.protocol != wire::kProtocol)
    why_not = "it speaks version " + std::to_string(greeting.protocol) +
              " of the protocol (Flagship " + greeting.version + "), its master version " +
              std::to_string(wire::kProtocol);
  else if (greeting.build_id != settings_.build_id)
    why_not = "its program (build " + greeting.build_id.substr(0, 12) +
              ") is another than its master's worker program (build " +
              settings_.build_id.substr(0, 12) + "); install the same one there";
  if (!why_not.empty()) {
    refuse(door, route, why_not);
    if (agent->launcher != nullptr) end(*agent, why_not, false, true);
    return;
  }
  agent->phase = Phase::greeted;
  agent->route = route;
  agent->heard = Clock::now();
  agent->status.host = greeting.host;
  agent->status.pid = greeting.pid;
  agent->status.version = greeting.version;
  agent->status.cpus = static_cast<int>(greeting.cpus);
  agent->status.memory = greeting.memory;
  welcome(*agent);
}

/// The agent that its ticket is for.
AgentFleet::Agent* AgentFleet::greeted_by(Door& door, zmq::message_t& first,
                                          const wire::Greeting& greeting, std::string& why_not) {
  if (greeting.token.empty()) return joining(first, why_not);
  why_not = "its ticket is of another run, or was used already";
  if (greeting.run != run_) return nullptr;
  for (Agent& agent : agents_) {
    const Ref ref{greeting.agent.worker, greeting.agent.incarnation};
    if (agent.door != &door || !is_current(agent, ref) || agent.phase != Phase::called) continue;
    if (same_secret(agent.token, greeting.token) && speaker(door, first) == &agent) return &agent;
  }
  return nullptr;
}

/// A place that waits for whoever has the keys of its host.
AgentFleet::Agent* AgentFleet::joining(zmq::message_t& first, std::string& why_not) {
  why_not = "it has no ticket";
  const std::string name = name_in(first);
  for (const JoinDoor& join : join_doors_) {
    if (join.name != name) continue;
    for (Agent& agent : agents_)
      if (agent.host_index == join.host && agent.phase == Phase::called && !agent.end)
        return &agent;
    why_not = "all places of host '" + settings_.hosts.hosts[join.host].name + "' are taken";
  }
  return nullptr;
}

void AgentFleet::welcome(Agent& agent) {
  Door& door = *agent.door;
  PoolTerms terms = settings_.terms;
  terms.workers = agent.host->workers;
  terms.max_running = static_cast<std::int32_t>(
      settings_.shares.empty() ? 0 : settings_.shares[agent.ref.id - settings_.first_id]);
  if (agent.host->time)
    terms.leaves_after_ns =
        std::max<duration>(*agent.host->time - kWalltimeMargin, *agent.host->time / 2).count();
  wire::AgentWelcome welcome;
  welcome.agent = {agent.ref.id, agent.ref.incarnation};
  welcome.lease = settings_.hosts.lease;
  Writer(welcome.pool).put(terms);
  if (!door.is_private()) {  // else the ticket says where
    welcome.tasks = door.endpoints(agent.tasks_place);
    welcome.results = door.endpoints(door.results_place());
    welcome.public_key = agent.keys.public_key;
    welcome.secret_key = agent.keys.secret_key;
  }
  tell(door, agent.route, welcome);
}

void AgentFleet::on_beat(Agent& agent, const wire::Beat& beat) {
  agent.status.round_trip = beat.round_trip;
  agent.status.clock_skew = beat.clock_skew;
  if (agent.status.state == HostState::starting) agent.status.state = HostState::ready;
  agent.workers = beat.workers;
  tell(*agent.door, agent.route, wire::Echo{beat.sent_ns, time_of_day()});
}

void AgentFleet::on_leaving(Agent& agent, const wire::Leaving& leaving) {
  if (leaving.now) return end(agent, leaving.reason, leaving.reason.empty());
  if (agent.phase == Phase::leaving) return;
  mention("host " + agent.title + " leaves: " + leaving.reason);
  agent.phase = Phase::leaving;
  agent.status.state = HostState::leaving;
  leaving_.push_back(agent.ref);
}

void AgentFleet::on_printed(const Agent& agent, const wire::Printed& printed) {
  if (settings_.output)
    settings_.output(
        {static_cast<int>(printed.worker), printed.pid, printed.text, agent.status.host});
}

void AgentFleet::refuse(Door& door, const std::string& route, const std::string& reason) {
  ++refused_;
  mention_stranger("an agent is refused: " + reason);
  tell(door, route, wire::Refusal{reason});
}

void AgentFleet::tell(Door& door, const std::string& route, const wire::ToAgent& message) {
  const std::string bytes = wire::write(message);
  try {
    door.control().send(zmq::buffer(route), zmq::send_flags::sndmore | zmq::send_flags::dontwait);
    door.control().send(zmq::buffer(bytes), zmq::send_flags::dontwait);
  } catch (const zmq::error_t&) {
    // Whoever is gone needs no answer.
  }
}

}  // namespace flagship::hosts
