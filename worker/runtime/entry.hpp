// SPDX-License-Identifier: MIT
#pragma once

#include "worker/runtime/session.hpp"

namespace flagship::worker {

using Runner = void (*)(Session& session);

/// In a process that a supervisor started, as zygote or worker: does that and never returns. In any
/// other it returns.
void enter_if_started_by_supervisor(int argc, char** argv, Runner runner);

}  // namespace flagship::worker
