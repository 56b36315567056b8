// SPDX-License-Identifier: MIT
#include "master/hosts/widths.hpp"

#include <algorithm>

#include "flagship/options.hpp"

namespace flagship::hosts {

Widths widths_of(const Hosts& hosts, int max_running) {
  const int guess = usable_cpus();
  Widths widths;
  std::vector<std::uint32_t> workers;
  for (const Host& host : hosts.hosts) {
    const auto each = static_cast<std::uint32_t>(host.workers > 0 ? host.workers : guess);
    if (host.launcher == HostLauncher::local)
      widths.own_workers += each;
    else
      workers.insert(workers.end(), static_cast<std::size_t>(host.agents), each);
  }
  widths.agents = workers;
  if (max_running == 0) return widths;
  // One after another takes its part of what is left, so that the parts add up.
  std::uint64_t left = static_cast<std::uint32_t>(max_running);
  std::uint64_t among = widths.own_workers;
  for (const std::uint32_t each : workers) among += each;
  for (std::size_t i = 0; i < workers.size(); ++i) {
    const std::uint64_t part = std::clamp<std::uint64_t>(left * workers[i] / among, 1, 1u << 31);
    widths.agents[i] = static_cast<std::uint32_t>(part);
    left -= std::min(left, part);
    among -= workers[i];
  }
  if (widths.own_workers == 0) return widths;
  widths.own_running = static_cast<std::uint32_t>(std::max<std::uint64_t>(left, 1));
  widths.own_workers = std::min(widths.own_workers, widths.own_running);
  return widths;
}

}  // namespace flagship::hosts
