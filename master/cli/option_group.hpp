// SPDX-License-Identifier: MIT
#pragma once

#include <CLI/CLI.hpp>
#include <cstddef>
#include <string>

namespace flagship::cli {

/// Puts the options that `declare` adds under a heading of the help and the manual.
template <class Declare>
void in_group(CLI::App& app, const std::string& heading, Declare declare) {
  const std::size_t before = app.get_options().size();
  declare();
  const auto options = app.get_options();
  for (std::size_t i = before; i < options.size(); ++i)
    if (!options[i]->get_positional()) options[i]->group(heading);
}

}  // namespace flagship::cli
