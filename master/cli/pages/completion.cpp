// SPDX-License-Identifier: MIT
#include "master/cli/pages/completion.hpp"

#include <fmt/format.h>

#include <string_view>

namespace flagship::cli {
namespace {

/// In single quotes, with a backslash before each of `special`.
std::string quoted(std::string_view text, std::string_view special = "") {
  std::string result;
  for (const char c : text) {
    if (special.find(c) != std::string_view::npos) result += '\\';
    if (c == '\'')
      result += "'\\''";
    else
      result += c;
  }
  return result;
}

std::string names_of(const std::vector<ShownCommand>& commands) {
  std::string names;
  for (const ShownCommand& command : commands)
    if (!command.name.empty()) names += (names.empty() ? "" : " ") + command.name;
  return names;
}

/// What is typed for it: the option, or the command of a command.
const std::vector<std::string>& typed(const ShownOption& option) {
  return option.names.empty() ? option.words : option.names;
}

std::string all_words(const ShownCommand& command) {
  std::string words;
  for (const ShownOption& option : command.options)
    for (const std::string& word : typed(option)) words += (words.empty() ? "" : " ") + word;
  return words;
}

/// What bash does behind an option that takes a value, or a command of a command.
std::string bash_value(const ShownOption& option) {
  if (!option.names.empty() && !option.words.empty())
    return fmt::format("mapfile -t COMPREPLY < <(compgen -W '{}' -- \"$word\")",
                       fmt::join(option.words, " "));
  if (option.takes_file() || option.takes_folder())
    return fmt::format(
        "compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -{} -- \"$word\")",
        option.takes_file() ? "f" : "d");
  return ":";
}

std::string zsh_argument(const ShownOption& option) {
  const std::string help = "[" + quoted(option.help, "[]:\\") + "]";
  std::string value;
  if (!option.value.empty()) {
    value = ":" + quoted(option.value, ":[]") + ":";
    if (!option.words.empty()) value += fmt::format("({})", fmt::join(option.words, " "));
    if (option.takes_file()) value += "_files";
    if (option.takes_folder()) value += "_files -/";
  }
  if (option.names.empty())
    return fmt::format("'{}:{}:{}'{}", option.words.empty() ? "*" : "1",
                       quoted(option.help, ":[]\\"),
                       option.words.empty() ? "" : "(" + option.words.front() + ")",
                       option.takes_file() ? " '2:FILE:_files'" : "");
  if (option.names.size() == 1) return fmt::format("'{}{}{}'", option.names[0], help, value);
  return fmt::format("'({})'{{{}}}'{}{}'", fmt::join(option.names, " "),
                     fmt::join(option.names, ","), help, value);
}

std::string fish_line(const ShownOption& option, const std::string& condition) {
  std::string line = "complete -c flagship -n '" + condition + "'";
  for (const std::string& name : option.names)
    line += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
  if (!option.words.empty())
    line += fmt::format(" -x -a '{}'", fmt::join(option.words, " "));
  else if (option.takes_file())
    line += " -r -F";
  else if (option.takes_folder())
    line += " -x -a '(__fish_complete_directories)'";
  else if (!option.value.empty())
    line += " -x";
  line += " -d '" + quoted(option.help, "\\") + "'\n";
  if (option.names.empty() && option.takes_file())
    line +=
        "complete -c flagship -n '__fish_seen_subcommand_from " + option.words.front() + "' -F\n";
  return line;
}

}  // namespace

std::string bash_completion(const std::vector<ShownCommand>& commands) {
  std::string text = fmt::format(R"(# Completes flagship's command lines in bash.
_flagship() {{
  local word=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD - 1]}} command='' words at
  for ((at = 1; at < COMP_CWORD; ++at)); do
    if [[ " {} " == *" ${{COMP_WORDS[at]}} "* ]]; then
      command=${{COMP_WORDS[at]}}
      break
    fi
  done
  COMPREPLY=()
  case $command:$before in
)",
                                 names_of(commands));
  for (const ShownCommand& command : commands)
    for (const ShownOption& option : command.options) {
      if (option.value.empty() || typed(option).empty()) continue;
      std::string patterns;
      for (const std::string& name : typed(option))
        patterns += (patterns.empty() ? "" : " | ") + command.name + ":" + name;
      text += fmt::format("    {}) {}; return ;;\n", patterns, bash_value(option));
    }
  text += "  esac\n  case $command in\n";
  for (const ShownCommand& command : commands) {
    const std::string also = command.name.empty() ? names_of(commands) + " " : "";
    text += fmt::format("    {}) words='{}{}' ;;\n", command.name.empty() ? "''" : command.name,
                        also, all_words(command));
  }
  return text + R"(  esac
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
}
complete -F _flagship flagship
)";
}

std::string zsh_completion(const std::vector<ShownCommand>& commands) {
  std::string text =
      "#compdef flagship\n_flagship() {\n  local state line\n  typeset -A opt_args\n";
  text += "  local -a commands=(\n";
  for (const ShownCommand& command : commands)
    if (!command.name.empty())
      text += fmt::format("    '{}:{}'\n", command.name, quoted(command.help, ":\\"));
  text += "  )\n  _arguments -C \\\n";
  for (const ShownOption& option : commands.front().options)
    text += "    " + zsh_argument(option) + " \\\n";
  text +=
      "    '1:command:->command' '*::argument:->argument' && return\n"
      "  case $state in\n    command) _describe command commands ;;\n    argument)\n"
      "      case $line[1] in\n";
  for (const ShownCommand& command : commands) {
    if (command.name.empty()) continue;
    text += "        " + command.name + ") _arguments";
    for (const ShownOption& option : command.options)
      text += " \\\n          " + zsh_argument(option);
    text += " ;;\n";
  }
  return text + "      esac ;;\n  esac\n}\n_flagship \"$@\"\n";
}

std::string fish_completion(const std::vector<ShownCommand>& commands) {
  std::string text = "# Completes flagship's command lines in fish.\ncomplete -c flagship -f\n";
  for (const ShownCommand& command : commands) {
    const std::string condition = command.name.empty()
                                      ? "__fish_use_subcommand"
                                      : "__fish_seen_subcommand_from " + command.name;
    if (!command.name.empty())
      text += fmt::format("complete -c flagship -n __fish_use_subcommand -a {} -d '{}'\n",
                          command.name, quoted(command.help, "\\"));
    for (const ShownOption& option : command.options)
      if (!typed(option).empty()) text += fish_line(option, condition);
  }
  return text;
}

}  // namespace flagship::cli
