// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <string_view>

namespace flagship::hosts {

/// The line, from 1, of the first byte beyond ASCII of a TOML text that is in no comment, and in no
/// quotes that have a blank or a comma before them and end on their line; 0: there is none. Behind
/// quotes for several lines, each such byte counts.
std::size_t line_of_stray_letter(std::string_view toml);

}  // namespace flagship::hosts
