// SPDX-License-Identifier: MIT
#include "master/hosts/hosts_fleet.hpp"

#include <unistd.h>

#include <algorithm>
#include <utility>

#include "common/os/machine.hpp"
#include "common/version.hpp"

namespace flagship::hosts {

HostsFleet::HostsFleet(pool::FleetSettings own, AgentFleetSettings agents)
    : first_agent_(own.max_workers), own_(std::move(own)) {
  agents.first_id = first_agent_;
  agents.folder = own_.folder();
  agents.output = [this](const WorkerOutput& output) { own_.outputs().pass_on(output); };
  agents.say = [this](std::string line) { own_.outputs().mention(std::move(line)); };
  for (const Host& host : agents.hosts.hosts) {
    if (host.launcher != HostLauncher::local) continue;
    own_status_.emplace();
    own_status_->name = host.name;
    own_status_->host = own_.host({});
    own_status_->state = HostState::ready;
    own_status_->pid = getpid();
    own_status_->version = kVersion;
    own_status_->cpus = usable_cpus();
    own_status_->memory = physical_memory();
  }
  agents_ = std::make_unique<AgentFleet>(std::move(agents));
  own_.watch_also(agents_->fd());
}

std::string HostsFleet::start(Ref worker) {
  return is_agent(worker) ? agents_->start(worker) : own_.start(worker);
}

void HostsFleet::send(Ref worker, wire::Frames&& message) {
  if (is_agent(worker)) return agents_->send(worker, std::move(message));
  own_.send(worker, std::move(message));
}

void HostsFleet::signal(Ref worker, int signal) {
  if (is_agent(worker)) return agents_->signal(worker, signal);
  own_.signal(worker, signal);
}

void HostsFleet::describe(PoolStatus& status) const {
  if (own_status_) status.hosts.push_back(*own_status_);
  agents_->describe(status);
}

void HostsFleet::expect_end(Ref worker) {
  if (is_agent(worker)) agents_->expect_end(worker);
}

ClaimPage& HostsFleet::claims(Ref worker) {
  return is_agent(worker) ? agents_->claims(worker) : own_.claims(worker);
}

pid_t HostsFleet::pid(Ref worker) const {
  return is_agent(worker) ? agents_->pid(worker) : own_.pid(worker);
}

const std::string& HostsFleet::host(Ref worker) const {
  return is_agent(worker) ? agents_->host(worker) : own_.host(worker);
}

void HostsFleet::bury(Ref worker) {
  if (is_agent(worker)) return agents_->bury(worker);
  own_.bury(worker);
}

void HostsFleet::wait(detail::Deadline deadline, pool::Happenings& out) {
  const auto nothing_yet = [&out] {
    return out.messages.empty() && out.gone.empty() && out.not_started.empty() &&
           out.leaving.empty();
  };
  agents_->read(out);
  if (!nothing_yet()) {
    deadline = detail::Clock::time_point{};
  } else if (const auto next = agents_->next_time()) {
    deadline = deadline ? std::min(*deadline, *next) : *next;
  }
  own_.wait(deadline, out);
  agents_->read(out);
}

}  // namespace flagship::hosts
