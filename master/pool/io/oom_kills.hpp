// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>

#include "common/os/unique_fd.hpp"

namespace flagship::pool {

/// How often the kernel has killed a process of this one's cgroup for want of memory.
class OomKills {
 public:
  OomKills();
  /// Nothing: this kernel, or whoever set up the cgroup, does not say.
  std::optional<std::uint64_t> count() const;

  /// True when a worker that was killed was killed for that: there was such a kill since `before`,
  /// its start, and no other worker was found to have died of it.
  bool explains_death_since(std::optional<std::uint64_t> before);

 private:
  UniqueFd events_;
  std::uint64_t explained_ = 0;
};

}  // namespace flagship::pool
