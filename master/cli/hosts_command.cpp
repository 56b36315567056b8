// SPDX-License-Identifier: MIT
#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>

#include "flagship/hosts.hpp"
#include "master/cli/commands.hpp"
#include "master/cli/exit_codes.hpp"
#include "master/cli/hosts_table.hpp"
#include "master/cli/validators.hpp"
#include "master/cli/worker_program.hpp"
#include "master/hosts/keys.hpp"

namespace flagship::cli {
namespace {

struct CheckOptions {
  std::string file;
  std::chrono::milliseconds limit{60'000};
  std::string worker_program;
};

/// What can be wrong with a hosts file before any of its hosts is asked.
Hosts readable_hosts(const std::string& file) {
  Hosts read = Hosts::from_file(file);
  for (const Host& host : read.hosts)
    if (!host.keys.empty()) hosts::read_master_keys(host.keys);
  return read;
}

int check_hosts(const CheckOptions& options) {
  try {
    const Hosts read = readable_hosts(options.file);
    const std::string program = worker_program(options.worker_program);
    const HostsTable table = check_each(read, program, options.limit);
    std::fputs(table.text.c_str(), stdout);
    if (std::fflush(stdout) != 0) throw std::runtime_error("cannot write to standard output");
    for (const std::string& line : table.troubles) std::fprintf(stderr, "%s\n", line.c_str());
    return table.troubles.empty() ? kAllWell : kSomeFailed;
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
  const auto options = std::make_shared<CheckOptions>();
  CLI::App& command = *app.add_subcommand("hosts", "Look after the hosts of a hosts file");
  command.require_subcommand(1);
  CLI::App& check = *command.add_subcommand(
      "check", "Start, greet, time and stop each host of FILE, and say what is wrong");
  check.add_option("FILE", options->file, "The hosts file")->type_name("")->required();
  add_duration(check, "--timeout", options->limit, "For all of them to come (default: 60s)");
  check
      .add_option("--worker", options->worker_program,
                  "The worker program (default: the one beside this)")
      ->type_name("FILE");
  check.callback([options, &exit_code] { exit_code = check_hosts(*options); });
}

}  // namespace flagship::cli
