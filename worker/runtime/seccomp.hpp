// SPDX-License-Identifier: MIT
#pragma once

#include "flagship/isolation.hpp"

namespace flagship::worker {

/// Denies this process, and all that it starts, the system calls of a list. Needs no_new_privs.
/// Throws std::system_error.
IsolationLayer apply_seccomp();

}  // namespace flagship::worker
