// SPDX-License-Identifier: MIT
#pragma once

#include <memory>
#include <optional>

#include "master/hosts/agent_fleet.hpp"
#include "master/pool/io/local_fleet.hpp"

namespace flagship::hosts {

/// This process's own workers, which come first, and the agents of other hosts, as one fleet.
class HostsFleet final : public pool::Fleet {
 public:
  using Ref = core::WorkerRef;

  /// `agents.folder`, `output` and `say` are filled in here.
  HostsFleet(pool::FleetSettings own, AgentFleetSettings agents);

  bool weighs() const { return own_.weighs(); }

  std::string start(Ref worker) override;
  void send(Ref worker, wire::Frames&& message) override;
  void signal(Ref worker, int signal) override;
  void weigh() override { own_.weigh(); }
  ClaimPage& claims(Ref worker) override;
  pid_t pid(Ref worker) const override;
  const std::string& host(Ref worker) const override;
  bool is_agent(Ref worker) const override { return worker.id >= first_agent_; }
  void expect_end(Ref worker) override;
  void describe(PoolStatus& status) const override;
  void bury(Ref worker) override;
  void wait(detail::Deadline deadline, pool::Happenings& out) override;
  std::shared_ptr<detail::Waker> waker() override { return own_.waker(); }

 private:
  const std::uint32_t first_agent_;
  std::optional<HostStatus> own_status_;  // nothing: this machine is not among the hosts
  pool::LocalFleet own_;
  std::unique_ptr<AgentFleet> agents_;
};

}  // namespace flagship::hosts
