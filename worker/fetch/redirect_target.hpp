// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <string>

namespace flagship::fetch {

/// The absolute URL that `location`, found at `base`, leads to; nothing when it is none.
std::optional<std::string> redirect_target(const std::string& base, const std::string& location);

}  // namespace flagship::fetch
