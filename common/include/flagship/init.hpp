// SPDX-License-Identifier: MIT
#pragma once

namespace flagship {

/// The first line of a program that uses ProcessPoolExecutor. In a worker process, which is this
/// same executable run again, it runs the worker and never returns; otherwise it notes that workers
/// can be started and returns. Call it from main, before any thread is started.
void init(int argc, char** argv);

}  // namespace flagship
