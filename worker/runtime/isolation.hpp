// SPDX-License-Identifier: MIT
#pragma once

#include <vector>

#include "common/spawn_request.hpp"

namespace flagship::worker {

/// Puts this process behind the layers that the request asks for, for ever, and looks which of them
/// hold: also those that were there before. To be called while it has no other thread, if it can;
/// `alone` says so. Throws std::system_error for a layer that this system has and that cannot be
/// set: a worker must not run with less than was asked for.
std::vector<IsolationLayer> isolate(const SpawnRequest& request, bool alone);

}  // namespace flagship::worker
