// SPDX-License-Identifier: MIT
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/os/unique_fd.hpp"

namespace flagship::pool {

/// A cgroup for each worker, which may not take more memory than a limit, with all that its tasks
/// start. Only where this process may make cgroups within its own: see `possible`. One thread.
class WorkerGroups {
 public:
  /// One worker's. Empty: it has none.
  class Group {
   public:
    Group() = default;
    Group(Group&&) noexcept = default;
    Group& operator=(Group&&) noexcept = default;
    explicit operator bool() const { return !folder_.empty(); }
    /// Throws std::system_error.
    void take_in(pid_t worker) const;
    /// True: the kernel has killed somebody in it for want of memory.
    bool ran_out() const;

   private:
    friend class WorkerGroups;
    std::string folder_;
    UniqueFd events_;
  };

  /// Removes what pools that were killed have left.
  WorkerGroups();
  ~WorkerGroups();
  WorkerGroups(const WorkerGroups&) = delete;
  WorkerGroups& operator=(const WorkerGroups&) = delete;

  bool possible() const { return !parent_.empty(); }
  /// "cgroup v2", "cgroup v1".
  std::string name() const;

  /// Throws std::system_error.
  Group make(std::uint64_t bytes);
  /// Kills what is left in it.
  void end(Group&& group);

 private:
  void remove_ended();

  std::string parent_;  // empty: no groups here
  bool version_2_ = true;
  std::vector<std::string> ended_;  // with processes in them that take their time
};

}  // namespace flagship::pool
