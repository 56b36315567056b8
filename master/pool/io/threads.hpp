// SPDX-License-Identifier: MIT
#pragma once

namespace flagship::pool {

/// Throws BrokenProcessPool with a sentence when this process can start no `count` threads more:
/// libzmq 4.3.4 aborts it when it gets none.
void require_threads(int count);

}  // namespace flagship::pool
