// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <string>

#include "worker/fetch/address_policy.hpp"

namespace flagship::fetch {

/// The address that stands in a URL in place of a name, in any spelling; "localhost" is one.
/// Nothing: it names a host, or is no URL.
std::optional<Endpoint> literal_address(const std::string& url);

}  // namespace flagship::fetch
