// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <functional>

#include "tests/sim/choices.hpp"

namespace flagship::sim {

/// The smallest script that still fails, as far as `tries` runs of `fails` can tell: fewer lines
/// first, then shorter lines and lower numbers. The one that is handed in must fail.
Script shrink(Script script, const std::function<bool(const Script&)>& fails, std::size_t tries);

}  // namespace flagship::sim
