// SPDX-License-Identifier: MIT
#pragma once

#include "flagship/isolation.hpp"

namespace flagship::worker {

/// Restricts this thread, and all that it starts, as `writable` and `connect_only` say. Needs
/// no_new_privs. Throws std::system_error.
IsolationLayer apply_landlock(const Isolation& isolation);

}  // namespace flagship::worker
