// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <vector>

#include "master/cli/pages/options.hpp"

namespace flagship::cli {

/// "flagship-fetch".
std::string page_name(const ShownCommand& command);

/// A page of the manual, for man(1). `text` has lines @HEADING@, @OPTIONS@ and, in the page of
/// flagship itself, @COMMANDS@, where those come; empty: there is nothing but them.
std::string manual_page(const ShownCommand& command, const std::vector<ShownCommand>& all,
                        const std::string& text);

}  // namespace flagship::cli
