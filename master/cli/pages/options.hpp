// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace flagship::cli {

/// An option, or an argument, as a manual shows it.
struct ShownOption {
  std::vector<std::string> names;  // "-o", "--output"; none: an argument
  std::string value;               // "DIR"; empty: it has none
  std::string help;
  std::string group{};               // the heading that it stands under; empty: none
  std::vector<std::string> words{};  // that its value, or it, can be; empty: others than a few

  bool takes_file() const { return value == "FILE" || value.ends_with(" FILE"); }
  bool takes_folder() const { return value == "DIR"; }
};

/// "flagship" itself, or what may follow it. Commands of a command are shown as its arguments,
/// and their options as its own.
struct ShownCommand {
  std::string name;  // "fetch"; empty: flagship itself
  std::string help;
  std::vector<ShownOption> options;
};

/// All of them, flagship itself first.
std::vector<ShownCommand> shown_commands(CLI::App& app);

}  // namespace flagship::cli
