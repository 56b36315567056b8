// SPDX-License-Identifier: MIT
#include "master/cli/remembered_options.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string_view>
#include <vector>

namespace flagship::cli {
namespace {

using Values = std::vector<std::string>;
using Options = std::map<std::string, Values>;

// How a run is shown is for who looks at it, and where it is may change.
constexpr std::array<std::string_view, 9> kNotRemembered{"--resume",  "--retry-failed",  "--output",
                                                         "--json",    "--verbose",       "--quiet",
                                                         "--dry-run", "--trace-futures", "--help"};

bool is_remembered(const std::string& name) {
  return std::find(kNotRemembered.begin(), kNotRemembered.end(), name) == kNotRemembered.end();
}

std::string name_of(const CLI::Option& option) {
  return option.get_lnames().empty() ? option.get_name(true) : "--" + option.get_lnames().front();
}

Values values_of(const CLI::Option& option) {
  Values values = option.results();
  for (std::string& value : values) {
    const bool file =
        option.get_type_name() == "FILE" && value != "-" && !value.starts_with("env:");
    if (file) value = std::filesystem::absolute(value);
    if (!file && value.starts_with('@'))
      value = "@" + std::filesystem::absolute(value.substr(1)).string();
  }
  return values;
}

Options given_to(const CLI::App& command) {
  Options options;
  for (const CLI::Option* option : command.get_options())
    if (option->count() > 0 && is_remembered(name_of(*option)))
      options[name_of(*option)] = values_of(*option);
  return options;
}

Options parsed(const std::string& remembered) {
  const auto json = nlohmann::json::parse(remembered, nullptr, false);
  if (json.is_discarded() || !json.is_object())
    throw std::invalid_argument("--resume: the options on record cannot be read");
  return json.get<Options>();
}

std::string json_of(const Options& options) {
  return nlohmann::json(options).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

/// As typed: a value is tied to its option, since it may begin with a dash.
std::vector<std::string> words_of(const Options& options) {
  std::vector<std::string> words;
  for (const auto& [name, values] : options)
    for (const std::string& value : values)
      words.push_back(name.starts_with("--") ? name + "=" + value : value);
  return words;
}

}  // namespace

std::string options_to_remember(const CLI::App& command) { return json_of(given_to(command)); }

bool list_was_input(const std::string& remembered) {
  const Options options = parsed(remembered);
  const auto from = options.find("--from");
  return from != options.end() && from->second == Values{"-"};
}

std::string given_again(const std::string& remembered, const CLI::App& command) {
  Options options = given_to(command);
  options.merge(parsed(remembered));
  return json_of(options);
}

FetchOptions options_of(const std::string& remembered) {
  FetchOptions options;
  CLI::App again;
  declare_fetch_options(again, options);
  std::vector<std::string> words = words_of(parsed(remembered));
  std::reverse(words.begin(), words.end());  // as CLI11 takes them
  try {
    again.parse(words);
  } catch (const CLI::ParseError& error) {
    throw std::invalid_argument("with the options on record: " + std::string(error.what()));
  }
  return options;
}

}  // namespace flagship::cli
