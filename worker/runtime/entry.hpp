// SPDX-License-Identifier: MIT
#pragma once

#include "worker/runtime/session.hpp"

namespace flagship::worker {

using Runner = void (*)(Session& session);
/// What a runner would do first in each worker, and what may as well be done once in the process
/// that workers are cloned from: it leaves no thread and no descriptor.
using Preparation = void (*)();

/// In a process that a supervisor started, as zygote or worker: does that and never returns. In any
/// other it returns.
void enter_if_started_by_supervisor(int argc, char** argv, Runner runner,
                                    Preparation prepare = nullptr);

}  // namespace flagship::worker
