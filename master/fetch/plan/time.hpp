// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>

namespace flagship::fetch {

/// Of the plan; it is handed in, and the epoch is the caller's.
using Time = std::chrono::steady_clock::time_point;
using Duration = std::chrono::steady_clock::duration;

}  // namespace flagship::fetch
