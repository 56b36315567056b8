// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <vector>

#include "flagship/hosts.hpp"

namespace flagship::hosts {

/// How many calls run at once where.
struct Widths {
  std::uint32_t own_workers = 0;      // of this process
  std::uint32_t own_running = 0;      // in these together; 0: one in each
  std::vector<std::uint32_t> agents;  // in each; a guess where the file does not say, until it does
};

/// `max_running` is shared out by workers, at least one call to each agent; 0: one call a worker.
/// A host that does not say how many it has counts as having as many as this one has CPUs.
Widths widths_of(const Hosts& hosts, int max_running);

}  // namespace flagship::hosts
