// SPDX-License-Identifier: MIT
#include "master/cli/commands.hpp"

#include <CLI/CLI.hpp>
#include <string>

#include "common/version.hpp"

namespace flagship::cli {

void add_commands(CLI::App& app, int& exit_code) {
  app.name("flagship");
  app.description("Downloads many files through isolated worker processes.");
  app.set_version_flag("--version", std::string("flagship ") + kVersion);
  app.require_subcommand(1);
  app.get_formatter()->label("Subcommands", "Commands");
  app.failure_message(CLI::FailureMessage::simple);
  add_fetch(app, exit_code);
  add_serve(app, exit_code);
  add_status(app, exit_code);
  add_agent(app, exit_code);
  add_hosts(app, exit_code);
  add_keys(app, exit_code);
}

}  // namespace flagship::cli
