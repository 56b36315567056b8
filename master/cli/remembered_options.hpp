// SPDX-License-Identifier: MIT
// The options of a run, as its record remembers them.
#pragma once

#include <string>

#include "master/cli/fetch_options.hpp"

namespace CLI {
class App;
}

namespace flagship::cli {

/// The options that were given to `command`, as JSON: {"--max-req": ["30"], "CC": ["BR", "CN"]}.
/// Those of how a run is shown are left out, and files are named by absolute paths.
std::string options_to_remember(const CLI::App& command);

/// Whether the list of those options came from standard input.
bool list_was_input(const std::string& remembered);

/// What was remembered, but for the options that were given to `command`: they win.
std::string given_again(const std::string& remembered, const CLI::App& command);

/// As if they had been typed. Throws std::invalid_argument with a sentence when that cannot be.
FetchOptions options_of(const std::string& remembered);

}  // namespace flagship::cli
