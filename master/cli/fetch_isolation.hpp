// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include "flagship/options.hpp"

namespace flagship::cli {

/// What a worker is kept from that talks to servers nobody knows: it writes into `output` only,
/// which must exist; empty: nowhere.
Isolation isolation_of_downloads(const std::string& output);

/// "Workers are isolated by process_group, no_core, landlock (ABI 7); not by seccomp (why)." Empty
/// while no worker has started.
std::string isolation_line(const PoolStatus& status);

}  // namespace flagship::cli
