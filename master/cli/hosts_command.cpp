// SPDX-License-Identifier: MIT
#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>

#include "flagship/hosts.hpp"
#include "master/cli/commands.hpp"
#include "master/cli/exit_codes.hpp"
#include "master/hosts/keys.hpp"

namespace flagship::cli {
namespace {

/// What can be wrong with a hosts file before any of its hosts is asked.
Hosts readable_hosts(const std::string& file) {
  Hosts read = Hosts::from_file(file);
  for (const Host& host : read.hosts)
    if (!host.keys.empty()) hosts::read_master_keys(host.keys);
  return read;
}

std::string described(const Host& host) {
  const std::string workers = host.workers == 0   ? "as many workers as it has CPUs"
                              : host.workers == 1 ? "1 worker"
                                                  : std::to_string(host.workers) + " workers";
  const std::string agents = std::to_string(host.agents);
  switch (host.launcher) {
    case HostLauncher::local:
      return "this machine, " + workers;
    case HostLauncher::ssh:
      return "by ssh to " + host.address + ", " + workers;
    case HostLauncher::slurm:
      return "by srun, nodes: " + agents + ", on each " + workers;
    case HostLauncher::none:
      return "agents that join, at most " + agents + ", each with " + workers;
  }
  return "";
}

int check_hosts(const std::string& file) {
  try {
    const Hosts read = readable_hosts(file);
    for (const Host& host : read.hosts)
      std::printf("%s: %s\n", host.name.c_str(), described(host).c_str());
    if (std::fflush(stdout) != 0) throw std::runtime_error("cannot write to standard output");
    return kAllWell;
  } catch (const std::invalid_argument& error) {
    std::fprintf(stderr, "flagship hosts: %s\n", error.what());
    return kUsage;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "flagship hosts: %s\n", error.what());
    return kBroken;
  }
}

}  // namespace

void add_hosts(CLI::App& app, int& exit_code) {
  const auto file = std::make_shared<std::string>();
  CLI::App& command = *app.add_subcommand("hosts", "Look after the hosts of a hosts file");
  command.require_subcommand(1);
  CLI::App& check = *command.add_subcommand("check", "Read FILE and say what is wrong with it");
  check.add_option("FILE", *file, "The hosts file")->type_name("")->required();
  check.callback([file, &exit_code] { exit_code = check_hosts(*file); });
}

}  // namespace flagship::cli
