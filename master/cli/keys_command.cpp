// SPDX-License-Identifier: MIT
#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <memory>
#include <string>

#include "master/cli/commands.hpp"
#include "master/cli/exit_codes.hpp"
#include "master/hosts/keys.hpp"

namespace flagship::cli {
namespace {

int make_keys(const std::string& name) {
  try {
    const hosts::KeyFiles made = hosts::write_new_keys(name);
    std::printf("%s: for the master; in its hosts file: launcher = \"none\", keys = \"%s\"\n",
                made.master.c_str(), made.master.c_str());
    std::printf("%s: for the agents: flagship agent --join tcp://MASTER:PORT < %s\n",
                made.agent.c_str(), made.agent.c_str());
    if (std::fflush(stdout) != 0) throw std::runtime_error("cannot write to standard output");
    return kAllWell;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "flagship keys: %s\n", error.what());
    return kBroken;
  }
}

}  // namespace

void add_keys(CLI::App& app, int& exit_code) {
  const auto name = std::make_shared<std::string>("flagship");
  CLI::App& command = *app.add_subcommand("keys", "Make keys for agents that start on their own");
  command.require_subcommand(1);
  CLI::App& fresh = *command.add_subcommand(
      "new", "Make NAME.master.keys and NAME.agent.keys; what is there is not replaced");
  fresh.add_option("NAME", *name, "What their names begin with (default: flagship)")->type_name("");
  fresh.callback([name, &exit_code] { exit_code = make_keys(*name); });
}

}  // namespace flagship::cli
