// SPDX-License-Identifier: MIT
#pragma once

#include <poll.h>
#include <sys/types.h>

#include <unordered_set>

#include "common/os/unique_fd.hpp"

namespace flagship::worker {

/// What tasks have started is in their worker's process group, which the supervisor kills with the
/// worker. Should it be the supervisor that is killed, the zygote outlives it for a moment and does
/// that. One thread, of a program that may have others.
class Keeper {
 public:
  /// From here on this process does not simply end with its supervisor. Throws std::system_error.
  explicit Keeper(pid_t supervisor);

  /// True: there is something to read, or its end; with POLLOUT, room to write. False: the
  /// supervisor is gone.
  bool wait_for(int socket, short events = POLLIN) const;
  void watch_over(pid_t worker);
  void forget(pid_t worker) { workers_.erase(worker); }
  /// The supervisor is gone: ends what its workers have left.
  void end_what_is_left() const;
  /// In a clone: this is another process's business.
  void leave_to_parent();

 private:
  UniqueFd supervisor_;  // can be read from its end on
  std::unordered_set<pid_t> workers_;
};

}  // namespace flagship::worker
