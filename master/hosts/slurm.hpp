// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "flagship/hosts.hpp"
#include "master/hosts/agent_program.hpp"
#include "master/hosts/way.hpp"

namespace flagship::hosts {

/// The allocation of Slurm's that this process runs in.
struct Allocation {
  int nodes = 0;  // 0: it runs in none
  /// As the environment says.
  static Allocation around_us();
};

/// By srun, one for each agent. Each is a job of one node, so it comes when there is room for it,
/// and its end touches no other: of so many CPUs as it has workers, or a whole node where that is
/// not said. In an allocation it is a step on a node of its own. How long srun waits in the queue
/// is Slurm's affair.
class Slurm final : public Way {
 public:
  /// `program` has the same path on the nodes, unless the host has an executable of its own.
  Slurm(const Host& host, AgentProgram program, Allocation allocation = Allocation::around_us());

  std::vector<std::string> command(const AgentStart& start) override;
  std::string missing() const override;
  Cause said(ChildProcess&, std::string_view, std::string_view) override { return {}; }
  void kill(const ChildProcess& carrier) const override;
  Cause explain(End end) const override;
  void forget(AgentRef agent) override;
  bool carries_sockets() const override { return false; }

 private:
  std::vector<std::string> job_options() const;
  std::vector<std::string> step_options(AgentRef agent);
  std::size_t take_node(AgentRef agent);

  const Host host_;
  const AgentProgram program_;
  const Allocation allocation_;
  std::vector<std::vector<AgentRef>> agents_on_;  // each node of the allocation
};

}  // namespace flagship::hosts
