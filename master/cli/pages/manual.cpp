// SPDX-License-Identifier: MIT
#include "master/cli/pages/manual.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <sstream>
#include <string_view>
#include <utility>

#include "common/version.hpp"

namespace flagship::cli {
namespace {

constexpr const char* kPlain = "@HEADING@\n@OPTIONS@\n.SH SEE ALSO\n.BR flagship (1)\n";

/// Text that means nothing to troff.
std::string escaped(std::string_view text) {
  std::string result;
  for (const char c : text) {
    if (c == '-' || c == '\\')
      result += c == '-' ? "\\-" : "\\e";
    else if ((c == '.' || c == '\'') && result.empty())
      result += std::string("\\&") + c;
    else
      result += c;
  }
  return result;
}

std::string upper(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return text;
}

std::string heading(const ShownCommand& command) {
  const std::string name = page_name(command);
  const std::string usage =
      command.name.empty()
          ? ".B flagship\n.I COMMAND\n[\\fIOPTION\\fR ...]\n"
          : fmt::format(".B flagship {}\n[\\fIOPTION\\fR ...]\n", escaped(command.name));
  std::string help = command.help;
  if (help.ends_with('.')) help.pop_back();
  if (!help.empty()) help.front() = static_cast<char>(std::tolower(help.front()));
  return fmt::format(
      ".TH {} 1 \"\" \"Flagship {}\" \"Flagship\"\n.SH NAME\n{} \\- {}\n.SH SYNOPSIS\n{}",
      upper(name), kVersion, escaped(name), escaped(help), usage);
}

std::string options_section(const ShownCommand& command) {
  std::string text = ".SH OPTIONS\n", group;
  for (const ShownOption& option : command.options) {
    if (!option.names.empty() && option.group != std::exchange(group, option.group))
      text += ".SS " + escaped(option.group) + "\n";
    std::string names;
    for (const std::string& name : option.names)
      names += (names.empty() ? "" : ", ") + ("\\fB" + escaped(name) + "\\fR");
    const std::string value = option.value.empty() ? "" : "\\fI" + escaped(option.value) + "\\fR";
    text += ".TP\n" + names + (names.empty() || value.empty() ? "" : " ") + value + "\n" +
            escaped(option.help) + ".\n";
  }
  return text;
}

std::string commands_section(const std::vector<ShownCommand>& all) {
  std::string text = ".SH COMMANDS\n";
  for (const ShownCommand& command : all)
    if (!command.name.empty())
      text +=
          fmt::format(".TP\n.BR {} (1)\n{}.\n", escaped(page_name(command)), escaped(command.help));
  return text;
}

}  // namespace

std::string page_name(const ShownCommand& command) {
  return command.name.empty() ? "flagship" : "flagship-" + command.name;
}

std::string manual_page(const ShownCommand& command, const std::vector<ShownCommand>& all,
                        const std::string& text) {
  std::istringstream lines(text.empty() ? kPlain : text);
  std::string page;
  for (std::string line; std::getline(lines, line);) {
    if (line == "@HEADING@")
      page += heading(command);
    else if (line == "@OPTIONS@")
      page += options_section(command);
    else if (line == "@COMMANDS@")
      page += commands_section(all);
    else
      page += line + "\n";
  }
  return page;
}

}  // namespace flagship::cli
