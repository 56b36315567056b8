// SPDX-License-Identifier: MIT
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace flagship::hosts {

/// The one of `known` that `typed` was most likely meant to be; empty: it is like none of them.
std::string nearest_word(std::string_view typed, std::span<const std::string_view> known);

}  // namespace flagship::hosts
