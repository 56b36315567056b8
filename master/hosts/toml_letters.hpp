// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <string_view>

namespace flagship::hosts {

/// The line, from 1, of the first byte beyond ASCII of a TOML text that is not surely in a comment
/// or in quotes: those have a blank or a comma before them, and end on their line. 0: there is
/// none.
std::size_t line_of_stray_letter(std::string_view toml);

}  // namespace flagship::hosts
