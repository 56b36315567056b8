// SPDX-License-Identifier: MIT
// The hosts that a pool works on, as a hosts file names them. Values.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "flagship/outcome.hpp"

namespace flagship {

/// Who starts a host's agent. local: nobody, its workers are this process's own. ssh: OpenSSH's
/// client. slurm: srun. none: somebody else, by `flagship agent --join`.
enum class HostLauncher { local, ssh, slurm, none };

/// One [[host]] table. What does not concern its launcher is empty.
struct Host {
  std::string name;  // in reports; no other host has it
  HostLauncher launcher = HostLauncher::local;
  int workers = 0;  // of each agent; 0: the CPUs that it may use
  int agents = 1;   // slurm: nodes. none: how many may join
  /// The worker program there; empty: ssh keeps a copy in ~/.cache/flagship, slurm finds it at
  /// the path that it has here.
  std::string executable{};
  std::optional<duration> start_timeout{};  // for an agent to say Hello; nothing: by launcher

  std::string address{};                   // ssh: what its client is given, an alias or user@host
  std::vector<std::string> ssh_options{};  // words for ssh, before the address

  std::string partition{};                   // slurm, as srun takes them
  std::string account{};                     // slurm
  std::string constraint{};                  // slurm
  std::optional<duration> time{};            // slurm: the allocation's; agents leave before its end
  std::vector<std::string> slurm_options{};  // words for srun

  std::string keys{};  // none: the master's file of `flagship keys new`
};

/// The [security] table: for launchers whose agents come by tcp.
struct HostSecurity {
  std::uint16_t first_port = 0;          // that may be listened on; 0: any that is free
  std::uint16_t last_port = 0;           // the last of them
  std::vector<std::string> addresses{};  // of this machine, for agents to try; empty: all it has
};

struct Hosts {
  std::vector<Host> hosts;
  HostSecurity security{};
  /// An agent that has not been heard of for this long is given up, and its calls with it.
  duration lease = std::chrono::seconds(10);

  /// Both throw std::invalid_argument: a sentence with the file, the line, and what to do.
  static Hosts from_file(const std::string& path);
  static Hosts from_text(std::string_view toml, const std::string& name = "hosts");
};

}  // namespace flagship
