// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "master/hosts/causes.hpp"
#include "master/hosts/child_process.hpp"
#include "master/hosts/launcher.hpp"

namespace flagship::hosts {

/// How agents get to their host by a program of this machine, which carries their standard streams
/// as long as they live: ssh, srun. It runs a script there that says, in a line of its own on its
/// standard output, "flagship: WORD MACHINE" (as `uname -m` has it). The word "begins" is its last:
/// what it reads next is the program's. The loop's thread only; nothing here waits.
class Way {
 public:
  virtual ~Way() = default;
  /// The words of the command that carries this agent.
  virtual std::vector<std::string> command(const AgentStart& start) = 0;
  /// When there is no such program on this machine: a sentence.
  virtual std::string missing() const = 0;
  /// The script has said a word. A cause: nothing will come of this start.
  virtual Cause said(ChildProcess& carrier, std::string_view word, std::string_view machine) = 0;
  /// Ends the carrier and what it carries, soon and whatever they do.
  virtual void kill(const ChildProcess& carrier) const = 0;
  /// Why it ended; `end` comes with what is known of it, but the names.
  virtual Cause explain(End end) const = 0;
  /// Of an agent that is gone: nothing more is kept for it.
  virtual void forget(AgentRef agent) = 0;
  /// Whether what the agent says through its sockets comes out of the carrier here.
  virtual bool carries_sockets() const = 0;
};

}  // namespace flagship::hosts
