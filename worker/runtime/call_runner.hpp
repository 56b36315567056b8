// SPDX-License-Identifier: MIT
#pragma once

#include "worker/runtime/session.hpp"

namespace flagship::worker {

/// Runs registered functions, one after another, until the supervisor wants no more.
void run_calls(Session& session);

}  // namespace flagship::worker
