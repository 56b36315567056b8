// SPDX-License-Identifier: MIT
#include "master/cli/pages/options.hpp"

#include <CLI/CLI.hpp>
#include <sstream>
#include <string_view>

namespace flagship::cli {
namespace {

// An option that takes one of a few words names them when it is given another.
std::vector<std::string> words_of(CLI::Option& option) {
  std::string refusal;
  try {
    option.add_result("?");
    option.run_callback();
  } catch (const CLI::ParseError& error) {
    refusal = error.what();
  }
  option.clear();
  constexpr std::string_view kBefore = "is not one of ";
  const auto at = refusal.find(kBefore);
  if (at == std::string::npos) return {};
  std::istringstream list(refusal.substr(at + kBefore.size()));
  std::vector<std::string> words;
  for (std::string word; std::getline(list >> std::ws, word, ',');) words.push_back(word);
  return words;
}

ShownOption shown(CLI::Option& option) {
  ShownOption shown;
  for (const std::string& name : option.get_snames()) shown.names.push_back("-" + name);
  for (const std::string& name : option.get_lnames()) shown.names.push_back("--" + name);
  shown.help = option.get_description();
  if (option.get_group() != "Options") shown.group = option.get_group();
  if (shown.names.empty()) {
    shown.value = option.get_name(true);
  } else if (option.get_items_expected_max() > 0) {
    shown.value = option.get_type_name();
    shown.words = words_of(option);
  }
  return shown;
}

ShownCommand shown(CLI::App& app, const std::string& name) {
  ShownCommand command{name, app.get_description(), {}};
  for (CLI::Option* option : app.get_options()) command.options.push_back(shown(*option));
  return command;
}

/// "check FILE"
ShownOption shown_as_argument(const CLI::App& inner) {
  ShownOption argument{{}, inner.get_name(), inner.get_description(), {}, {inner.get_name()}};
  for (const CLI::Option* option : inner.get_options())
    if (option->get_positional())
      argument.value += " " + (option->get_required() ? option->get_name(true)
                                                      : "[" + option->get_name(true) + "]");
  return argument;
}

/// A command of a command: as an argument, with the options that it has besides.
void add_inner(ShownCommand& command, CLI::App& inner) {
  command.options.push_back(shown_as_argument(inner));
  for (CLI::Option* option : inner.get_options())
    if (!option->get_positional() && option != inner.get_help_ptr())
      command.options.push_back(shown(*option));
}

}  // namespace

std::vector<ShownCommand> shown_commands(CLI::App& app) {
  std::vector<ShownCommand> commands{shown(app, "")};
  const auto all = [](CLI::App*) { return true; };
  for (CLI::App* command : app.get_subcommands(all)) {
    commands.push_back(shown(*command, command->get_name()));
    for (CLI::App* inner : command->get_subcommands(all)) add_inner(commands.back(), *inner);
  }
  return commands;
}

}  // namespace flagship::cli
