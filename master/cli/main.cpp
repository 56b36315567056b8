// SPDX-License-Identifier: MIT
#include <fcntl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <string>

#include "flagship/init.hpp"
#include "master/cli/commands.hpp"
#include "master/cli/exit_codes.hpp"

namespace {

/// A program may be started with its standard files closed; what is opened next must not take their
/// place.
void open_standard_files() {
  for (int fd = open("/dev/null", O_RDWR); fd >= 0; fd = open("/dev/null", O_RDWR)) {
    if (fd <= STDERR_FILENO) continue;
    close(fd);
    return;
  }
}

bool has_command(const CLI::App& app, const std::string& name) {
  const auto commands =
      app.get_subcommands([&name](const CLI::App* command) { return command->check_name(name); });
  return !commands.empty();
}

/// "fetch or serve"
std::string commands_of(const CLI::App& app) {
  std::string names;
  const auto commands = app.get_subcommands([](const CLI::App*) { return true; });
  for (const CLI::App* command : commands)
    names += (names.empty()                ? ""
              : command == commands.back() ? " or "
                                           : ", ") +
             command->get_name();
  return names;
}

/// What is wrong with a command line that has no command in it.
std::string no_command(int argc, char** argv, const CLI::App& app) {
  const std::string word = argc < 2 ? "" : argv[1];
  if (word.empty() || has_command(app, word)) return "A command is needed: " + commands_of(app);
  if (word.front() == '-')
    return "There is no option " + word + " before a command: " + commands_of(app);
  return "There is no command '" + word + "': " + commands_of(app);
}

/// What is missing, in words: CLI11 does not say where.
std::string what_is_missing(int argc, char** argv, const CLI::App& app,
                            const CLI::ParseError& error) {
  const auto parsed = app.get_subcommands();
  if (parsed.empty()) return no_command(argc, argv, app);
  const CLI::App& command = *parsed.front();
  const bool needs_command = !commands_of(command).empty() && command.get_subcommands().empty();
  return needs_command
             ? "flagship " + command.get_name() + ": a command is needed: " + commands_of(command)
             : error.what();
}

}  // namespace

int main(int argc, char** argv) {
  flagship::init(argc, argv);
  using namespace flagship::cli;
  open_standard_files();
  int exit_code = kAllWell;
  CLI::App app;
  add_commands(app, exit_code);
  try {
    app.parse(argc, argv);
  } catch (const CLI::RequiredError& error) {
    std::fprintf(stderr, "%s\nRun with --help for more information.\n",
                 what_is_missing(argc, argv, app, error).c_str());
    return kUsage;
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kAllWell : kUsage;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "flagship: %s\n", error.what());
    return kBroken;
  }
  return exit_code;
}
