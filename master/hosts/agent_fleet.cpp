// SPDX-License-Identifier: MIT
#include "master/hosts/agent_fleet.hpp"

#include <sys/epoll.h>
#include <sys/random.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "common/hex.hpp"
#include "common/units.hpp"
#include "common/wire/down.hpp"
#include "flagship/serializer.hpp"
#include "master/hosts/keys.hpp"
#include "master/hosts/launchers.hpp"
#include "master/pool/io/zmq_frames.hpp"

namespace flagship::hosts {
namespace {

constexpr std::size_t kTokenBytes = 16;
constexpr std::size_t kMostMessages = 64;  // of one look
constexpr std::size_t kMostStrangers = 20;
constexpr auto kLastResults = std::chrono::milliseconds(50);
constexpr auto kDoubt = std::chrono::milliseconds(200);
constexpr auto kSendRetry = std::chrono::milliseconds(2);
constexpr auto kGreetingLimit = std::chrono::seconds(60);
constexpr auto kLate = std::chrono::seconds(2);

std::string random_bytes(std::size_t count) {
  std::string bytes(count, '\0');
  if (getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size()))
    throw std::system_error(errno, std::generic_category(), "cannot get random bytes");
  return bytes;
}

std::uint64_t random_number() {
  const std::string bytes = random_bytes(sizeof(std::uint64_t));
  std::uint64_t number = 0;
  std::memcpy(&number, bytes.data(), sizeof number);
  return number;
}

}  // namespace

std::uint32_t AgentFleet::count(const Hosts& hosts) {
  std::uint32_t all = 0;
  for (const Host& host : hosts.hosts)
    if (host.launcher != HostLauncher::local) all += static_cast<std::uint32_t>(host.agents);
  return all;
}

AgentFleet::AgentFleet(AgentFleetSettings settings)
    : settings_(std::move(settings)),
      run_(random_number()),
      context_(1),
      epoll_(epoll_create1(EPOLL_CLOEXEC)) {
  if (!epoll_) throw std::system_error(errno, std::generic_category(), "cannot make an epoll");
  context_.set(zmq::ctxopt::max_sockets,
               std::max(1023, static_cast<int>(count(settings_.hosts)) * 6 + 64));
  make_doors();
  const Launchers launchers(settings_.program, settings_.build_id);
  for (std::size_t i = 0; i < settings_.hosts.hosts.size(); ++i)
    add_agents(launchers, settings_.hosts.hosts[i], i);
}

AgentFleet::~AgentFleet() = default;

void AgentFleet::make_doors() {
  const HostSecurity& security = settings_.hosts.security;
  const DoorSettings door{settings_.hosts.lease, settings_.terms.max_message_bytes,
                          static_cast<int>(settings_.window)};
  const std::vector<std::string> addresses =
      security.addresses.empty() ? own_addresses() : security.addresses;
  ports_.emplace(security.first_port, security.last_port);
  const auto need_gatekeeper = [this] {
    if (gatekeeper_) return;
    gatekeeper_.emplace(context_);
    watch(gatekeeper_->socket().get(zmq::sockopt::fd));
  };
  const auto watch_door = [this](Door& opened) {
    watch(opened.control().get(zmq::sockopt::fd));
    watch(opened.results().get(zmq::sockopt::fd));
  };
  for (std::size_t i = 0; i < settings_.hosts.hosts.size(); ++i) {
    const Host& host = settings_.hosts.hosts[i];
    if (host.launcher == HostLauncher::ssh && !private_door_) {
      private_door_ = std::make_unique<Door>(context_, door, settings_.folder);
      watch_door(*private_door_);
    } else if (host.launcher == HostLauncher::slurm && !ticket_door_) {
      need_gatekeeper();
      ticket_door_ = std::make_unique<Door>(context_, door, new_key_pair(), *ports_, addresses);
      watch_door(*ticket_door_);
    } else if (host.launcher == HostLauncher::none) {
      need_gatekeeper();
      const MasterKeys keys = read_master_keys(host.keys);
      const std::string name = "joins" + std::to_string(i);
      gatekeeper_->let_in(keys.agents_public, name);
      join_doors_.push_back(
          {i, std::make_unique<Door>(context_, door, keys.own, *ports_, addresses), name});
      watch_door(*join_doors_.back().door);
      const Door& opened = *join_doors_.back().door;
      mention("agents of host '" + host.name + "' join at " +
              opened.endpoints(opened.control_place()).front());
    }
  }
}

void AgentFleet::add_agents(const Launchers& launchers, const Host& host, std::size_t index) {
  if (host.launcher == HostLauncher::local) return;
  std::unique_ptr<Launcher> launcher = launchers.make(host);
  if (launcher) watch(launcher->fd());
  for (int i = 0; i < host.agents; ++i) {
    Agent agent;
    agent.ref.id = settings_.first_id + static_cast<std::uint32_t>(agents_.size());
    agent.host = &host;
    agent.host_index = index;
    agent.launcher = launcher.get();
    if (host.launcher == HostLauncher::ssh) agent.door = private_door_.get();
    if (host.launcher == HostLauncher::slurm) agent.door = ticket_door_.get();
    for (JoinDoor& join : join_doors_) {
      if (join.host != index) continue;
      agent.door = join.door.get();
      agent.status.join_at = agent.door->endpoints(agent.door->control_place()).front();
    }
    agent.title = host.agents == 1 ? host.name : host.name + "/" + std::to_string(i + 1);
    agent.status.name = agent.title;
    agent.status.state = HostState::gone;
    agents_.push_back(std::move(agent));
  }
  if (launcher) launchers_.push_back(std::move(launcher));
}

void AgentFleet::watch(int fd) {
  epoll_event event{};
  event.events = EPOLLIN;
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0)
    throw std::system_error(errno, std::generic_category(), "cannot watch a descriptor");
}

// ---- what the loop wants
// -------------------------------------------------------------------------

std::string AgentFleet::name_of(const Agent& agent) const {
  return "agent" + std::to_string(agent.ref.id) + "." + std::to_string(agent.ref.incarnation);
}

std::string AgentFleet::start(Ref ref) {
  Agent& agent = this->agent(ref);
  bury(agent.ref);
  agent.ref = ref;
  try {
    open(agent);
    const std::string cause = launch(agent);
    if (!cause.empty()) throw std::runtime_error(cause);
    return {};
  } catch (const std::exception& error) {
    agent.status.trouble = error.what();
    mention("host " + agent.title + ": " + error.what());
    agent.phase = Phase::called;
    bury(ref);
    return "host " + agent.title + ": " + error.what();
  }
}

// Its token, its keys, its socket: all of this one life.
void AgentFleet::open(Agent& agent) {
  agent.claims = ClaimPage::create(settings_.window);
  agent.token = random_bytes(kTokenBytes);
  agent.keys = agent.door->is_private() ? KeyPair{} : new_key_pair();
  if (gatekeeper_ && !agent.keys.public_key.empty())
    gatekeeper_->let_in(agent.keys.public_key, name_of(agent));
  Door::Tasks tasks = agent.door->open(name_of(agent));
  agent.tasks = std::move(tasks.socket);
  agent.tasks_place = std::move(tasks.place);
  const std::string monitor = "inproc://monitor-" + name_of(agent);
  if (zmq_socket_monitor(agent.tasks.handle(), monitor.c_str(), ZMQ_EVENT_DISCONNECTED) != 0)
    throw std::runtime_error("cannot watch a connection");
  agent.monitor = zmq::socket_t(context_, ZMQ_PAIR);
  agent.monitor.set(zmq::sockopt::linger, 0);
  agent.monitor.connect(monitor);
  watch(agent.monitor.get(zmq::sockopt::fd));
  agent.phase = Phase::called;
  agent.called_at = Clock::now();
  agent.expected_to_end = agent.was_connected = false;
  agent.doubted_until.reset();
  agent.status.state = HostState::starting;
  agent.status.pid = 0;
  agent.due = {};
  const auto limit = agent.host->start_timeout;
  if (limit || agent.host->launcher == HostLauncher::ssh)
    agent.due = Clock::now() + limit.value_or(kGreetingLimit);
}

std::string AgentFleet::launch(Agent& agent) {
  if (agent.launcher == nullptr) return {};  // it joins by itself
  Door& door = *agent.door;
  wire::Ticket ticket;
  ticket.run = run_;
  ticket.agent = {agent.ref.id, agent.ref.incarnation};
  ticket.token = agent.token;
  AgentStart start{{agent.ref.id, agent.ref.incarnation}, agent.title, {}, {}};
  if (door.is_private()) {
    const std::string there = "/tmp/.flagship-" + to_hex(random_bytes(kTokenBytes));
    start.sockets = {{door.control_place().path, there + ".control"},
                     {door.results_place().path, there + ".results"},
                     {agent.tasks_place.path, there + ".tasks"}};
    ticket.control = {"ipc://" + start.sockets[0].there};
    for (const AgentStart::Socket& socket : start.sockets) ticket.files.push_back(socket.there);
  } else {
    ticket.control = door.endpoints(door.control_place());
    ticket.master_key = door.keys().public_key;
    ticket.public_key = agent.keys.public_key;
    ticket.secret_key = agent.keys.secret_key;
  }
  start.ticket = wire::write_ticket(ticket);
  return agent.launcher->start(start);
}

void AgentFleet::send(Ref ref, wire::Frames&& message) {
  Agent& agent = this->agent(ref);
  if (!is_current(agent, ref) || agent.end) return;
  if (agent.unsent.empty() && pool::send(agent.tasks, message)) {
    agent.was_connected = true;
    return;
  }
  agent.unsent.push_back(std::move(message));
}

void AgentFleet::flush(Agent& agent) {
  while (!agent.unsent.empty() && pool::send(agent.tasks, agent.unsent.front())) {
    agent.was_connected = true;
    agent.unsent.pop_front();
  }
}

// SIGKILL is not the agent's to obey.
void AgentFleet::signal(Ref ref, int signal) {
  Agent& agent = this->agent(ref);
  if (!is_current(agent, ref)) return;
  if (signal == SIGKILL || agent.phase == Phase::called)
    return end(agent, "it was told to go", true);
  wire::DownWriter writer;
  send(ref, writer.signal(signal));
}

void AgentFleet::bury(Ref ref) {
  Agent& agent = this->agent(ref);
  if (!is_current(agent, ref)) return;
  if (gatekeeper_) gatekeeper_->strike(agent.keys.public_key);
  agent.phase = Phase::none;
  agent.end.reset();
  agent.token.clear();
  agent.route.clear();
  agent.keys = {};
  agent.unsent.clear();
  agent.workers.clear();
  if (agent.monitor)
    epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, agent.monitor.get(zmq::sockopt::fd), nullptr);
  if (agent.tasks) zmq_socket_monitor(agent.tasks.handle(), nullptr, 0);
  agent.monitor.close();
  agent.tasks.close();
  agent.door->close(std::exchange(agent.tasks_place, {}));
  agent.claims = {};
  agent.status.state = HostState::gone;
  agent.status.pid = 0;
}

void AgentFleet::expect_end(Ref ref) {
  if (is_current(agent(ref), ref)) agent(ref).expected_to_end = true;
}

void AgentFleet::describe(PoolStatus& status) const {
  for (const Agent& agent : agents_) {
    status.hosts.push_back(agent.status);
    for (std::size_t i = 0; i < agent.workers.size(); ++i) {
      const wire::Beat::Worker& worker = agent.workers[i];
      if (worker.pid == 0 || worker.state > static_cast<std::uint32_t>(WorkerState::stopping))
        continue;
      status.workers.push_back({static_cast<int>(i),
                                worker.pid,
                                agent.status.host,
                                static_cast<WorkerState>(worker.state),
                                worker.held,
                                {}});
    }
  }
  status.refused += refused_ + (gatekeeper_ ? gatekeeper_->refused() : 0);
}

// ---- what happens
// --------------------------------------------------------------------------------

void AgentFleet::read(pool::Happenings& out) {
  if (gatekeeper_) {
    gatekeeper_->read();
    for (const std::string& address : gatekeeper_->take_refusals())
      mention_stranger("a peer at " + address + " has no ticket of this pool: dropped");
  }
  std::vector<Door*> doors;
  for (Door* door : {private_door_.get(), ticket_door_.get()})
    if (door != nullptr) doors.push_back(door);
  for (JoinDoor& join : join_doors_) doors.push_back(join.door.get());
  for (Door* door : doors) {
    read_control(*door);
    read_results(*door, out);
  }
  for (Agent& agent : agents_) {
    read_monitor(agent);
    flush(agent);
  }
  read_launchers();
  check_times(out);
  for (const Ref ref : std::exchange(leaving_, {})) out.leaving.push_back(ref);
}

void AgentFleet::read_control(Door& door) {
  for (std::size_t taken = 0; taken < kMostMessages; ++taken) {
    zmq::message_t route, body;
    if (!door.control().recv(route, zmq::recv_flags::dontwait)) return;
    bool whole = route.more() && door.control().recv(body, zmq::recv_flags::dontwait).has_value();
    while (whole && body.more()) {  // one frame is all that an agent ever says
      whole = false;
      zmq::message_t rest;
      if (!door.control().recv(rest, zmq::recv_flags::dontwait)) break;
      body = std::move(rest);
      whole = body.more();
    }
    on_message(door, route.to_string(), body, body.to_string_view());
  }
}

void AgentFleet::read_results(Door& door, pool::Happenings& out) {
  std::shared_ptr<zmq::message_t> first;
  wire::Blobs message;
  while (out.messages.size() < kMostMessages && pool::receive(door.results(), first, message)) {
    Agent* const agent = speaker(door, *first);
    if (agent == nullptr) {
      ++refused_;
      continue;
    }
    agent->heard = Clock::now();
    out.messages.push_back({0, std::move(message), agent->ref});
  }
}

void AgentFleet::read_monitor(Agent& agent) {
  if (!agent.monitor) return;
  zmq::message_t frame;
  while (agent.monitor.recv(frame, zmq::recv_flags::dontwait))
    agent.doubted_until = Clock::now() + kDoubt;
}

// Somebody's connection has ended: the agent's, or of one who knocked and was not let in. Without
// the agent nothing can be sent, as soon as the socket has heard of it too.
void AgentFleet::resolve_doubt(Agent& agent, Clock::time_point now) {
  const bool connected = (agent.tasks.get(zmq::sockopt::events) & ZMQ_POLLOUT) != 0;
  agent.was_connected = agent.was_connected || connected;
  if (!connected && agent.was_connected)
    return end(agent, agent.phase == Phase::leaving ? "it left" : "the connection to it was lost",
               agent.phase == Phase::leaving);
  if (now >= *agent.doubted_until) agent.doubted_until.reset();
}

void AgentFleet::read_launchers() {
  std::vector<Launcher::Ended> ended;
  for (const auto& launcher : launchers_) launcher->read(ended);
  for (Launcher::Ended& it : ended) {
    Agent& agent = this->agent({it.agent.id, it.agent.incarnation});
    if (is_current(agent, {it.agent.id, it.agent.incarnation}))
      end(agent, std::move(it.cause), false, it.hopeless);
  }
}

void AgentFleet::check_times(pool::Happenings& out) {
  const Clock::time_point now = Clock::now();
  for (Agent& agent : agents_) {
    if (agent.phase == Phase::none) continue;
    if (agent.end) {
      if (!agent.end->told && agent.end->at <= now) finish(agent, out);
    } else if (agent.phase == Phase::called) {
      if (agent.due != Clock::time_point{} && agent.due <= now)
        end(agent, "it was not heard of in time");
    } else if (agent.heard + settings_.hosts.lease <= now) {
      end(agent, "nothing was heard of it for " + format_duration(settings_.hosts.lease));
    } else if (agent.doubted_until) {
      resolve_doubt(agent, now);
    }
  }
}

detail::Deadline AgentFleet::next_time() const {
  detail::Deadline next;
  const auto sooner = [&next](Clock::time_point time) {
    next = next ? std::min(*next, time) : time;
  };
  for (const Agent& agent : agents_) {
    if (agent.phase == Phase::none) continue;
    if (agent.end) {
      if (!agent.end->told) sooner(agent.end->at);
      continue;
    }
    if (agent.phase == Phase::called && agent.due != Clock::time_point{}) sooner(agent.due);
    if (agent.phase >= Phase::greeted) sooner(agent.heard + settings_.hosts.lease);
    if (!agent.unsent.empty() || agent.doubted_until) sooner(Clock::now() + kSendRetry);
  }
  return next;
}

// ---- ends
// ----------------------------------------------------------------------------------------

void AgentFleet::end(Agent& agent, std::string cause, bool in_order, bool hopeless) {
  if (agent.phase == Phase::none) return;
  if (agent.end) {
    // What its launcher says of it is worth more than that the line is dead.
    if (!agent.end->quiet && !cause.empty() && agent.launcher != nullptr) {
      agent.end->cause = std::move(cause);
      agent.end->hopeless = agent.end->hopeless || hopeless;
    }
    return;
  }
  const Clock::time_point now = Clock::now();
  in_order = in_order || agent.expected_to_end;
  // Whoever waits for a host in vain wants to hear of it.
  const bool in_vain = in_order && agent.phase == Phase::called && now - agent.called_at > kLate;
  if (in_vain) cause = "it had not come when all was done";
  agent.end = End{now + kLastResults, std::move(cause), in_order, in_order && !in_vain, hopeless};
  if (!agent.route.empty())
    tell(*agent.door, agent.route, wire::Refusal{"this agent was given up: " + agent.end->cause});
  if (agent.launcher != nullptr) agent.launcher->stop({agent.ref.id, agent.ref.incarnation}, true);
}

void AgentFleet::finish(Agent& agent, pool::Happenings& out) {
  End& end = *agent.end;
  end.told = true;
  const std::string cause = agent.title + ": " + end.cause;
  agent.status.trouble = end.in_order ? std::string() : end.cause;
  if (!end.quiet) mention("host " + cause);
  if (agent.phase == Phase::called) {
    out.not_started.push_back({agent.ref, "host " + cause, end.hopeless});
    return bury(agent.ref);
  }
  Death death;
  death.pid = agent.status.pid;
  death.host = agent.status.host;
  death.lost_with = cause;
  out.gone.push_back({agent.ref, std::move(death)});  // and buried when the loop has dealt with it
}

void AgentFleet::mention(const std::string& line) {
  if (settings_.say) settings_.say("flagship: " + line);
}

// Who knocks again and again is not to fill a log; `refused` counts on.
void AgentFleet::mention_stranger(const std::string& line) {
  if (++strangers_mentioned_ < kMostStrangers) return mention(line);
  if (strangers_mentioned_ == kMostStrangers) mention(line + "; more of this is only counted");
}

}  // namespace flagship::hosts
