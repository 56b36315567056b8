// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "flagship/hosts.hpp"
#include "master/hosts/agent_program.hpp"
#include "master/hosts/way.hpp"

namespace flagship::hosts {

/// By OpenSSH's own client, over one connection: what it knows of the address, of keys and of jump
/// hosts is its affair. It carries the agent's sockets, so no port is open anywhere. The end of the
/// connection is the end of the agent's standard input.
class Ssh final : public Way {
 public:
  /// `program`: a copy of it is kept there, unless the host has an executable of its own.
  Ssh(const Host& host, AgentProgram program);

  std::vector<std::string> command(const AgentStart& start) override;
  std::string missing() const override;
  Cause said(ChildProcess& carrier, std::string_view word, std::string_view machine) override;
  void kill(const ChildProcess& carrier) const override;
  Cause explain(End end) const override;
  void forget(AgentRef) override {}
  bool carries_sockets() const override { return true; }

 private:
  std::vector<std::string> script(const std::vector<std::string>& sockets);

  const Host host_;
  AgentProgram program_;
};

}  // namespace flagship::hosts
