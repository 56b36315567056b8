// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/symbols.hpp"

namespace flagship::detail {

/// A backtrace as users read it: one function a line, innermost first, without what is Flagship's
/// at its end. `task`: the name of the function that was called, for when it was inlined.
std::string trace_text(std::vector<Symbol> places, std::string_view task);

}  // namespace flagship::detail
