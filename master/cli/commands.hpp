// SPDX-License-Identifier: MIT
// The subcommands. Each adds itself to the command line; its callback stores the exit code.
#pragma once

namespace CLI {
class App;
}

namespace flagship::cli {

void add_fetch(CLI::App& app, int& exit_code);
void add_serve(CLI::App& app, int& exit_code);
void add_status(CLI::App& app, int& exit_code);
void add_agent(CLI::App& app, int& exit_code);
void add_hosts(CLI::App& app, int& exit_code);
void add_keys(CLI::App& app, int& exit_code);

/// The whole command line, as `flagship` reads it and its manual shows it.
void add_commands(CLI::App& app, int& exit_code);

}  // namespace flagship::cli
