// SPDX-License-Identifier: MIT
#include "master/hosts/launchers.hpp"

#include "master/hosts/process_launcher.hpp"
#include "master/hosts/slurm.hpp"
#include "master/hosts/ssh.hpp"

namespace flagship::hosts {

std::unique_ptr<Launcher> Launchers::make(const Host& host) const {
  std::unique_ptr<Way> way;
  if (host.launcher == HostLauncher::ssh)
    way = std::make_unique<Ssh>(host, AgentProgram(program_, build_));
  if (host.launcher == HostLauncher::slurm)
    way = std::make_unique<Slurm>(host, AgentProgram(program_, build_));
  if (!way) return nullptr;
  return std::make_unique<ProcessLauncher>(std::move(way), turns_);
}

}  // namespace flagship::hosts
