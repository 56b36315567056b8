// SPDX-License-Identifier: MIT
// How a call stands and how it ended: values, safe to copy between threads.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <string>

namespace flagship {

using duration = std::chrono::nanoseconds;

/// The state of a future, as concurrent.futures has it (its two cancelled states are one here).
enum class State { pending, running, cancelled, finished };

/// How a call ended. The first verdict stands; a later message never rewrites it.
enum class Ending { returned, raised, cancelled, timed_out, worker_died };

/// What is known of a call that ended. Times are running times; CPU times and RSS are taken for
/// calls of 100 us and more and are zero otherwise. `worker` is -1 and `host` empty where no worker
/// process was involved.
struct Outcome {
  Ending ending = Ending::returned;
  std::string host;
  pid_t pid = 0;
  int worker = -1;
  int attempt = 1;  // 1 for the first
  duration queued{};
  duration wall{};
  duration user{};
  duration system{};
  std::size_t peak_rss = 0;  // bytes
  /// Where the task threw in a worker, as RemoteError::backtrace has it: for exceptions of every
  /// type.
  std::string backtrace{};
};

const char* to_string(State state);
const char* to_string(Ending ending);

}  // namespace flagship
