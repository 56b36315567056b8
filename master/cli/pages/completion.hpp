// SPDX-License-Identifier: MIT
// What a shell is told, so that it can complete a command line.
#pragma once

#include <string>
#include <vector>

#include "master/cli/pages/options.hpp"

namespace flagship::cli {

std::string bash_completion(const std::vector<ShownCommand>& commands);
std::string zsh_completion(const std::vector<ShownCommand>& commands);
std::string fish_completion(const std::vector<ShownCommand>& commands);

}  // namespace flagship::cli
