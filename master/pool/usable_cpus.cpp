// SPDX-License-Identifier: MIT
#include <sched.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <string>

#include "flagship/options.hpp"

namespace flagship {
namespace {

int affinity() {
  cpu_set_t set;
  CPU_ZERO(&set);
  return sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
}

// "max 100000" or "50000 100000": microseconds in each period. Only the own group is asked: in a
// container it is the root of what can be seen.
double cgroup_cpus() {
  std::ifstream file("/sys/fs/cgroup/cpu.max");
  std::string quota;
  double period = 0;
  if (!(file >> quota >> period) || quota == "max" || period <= 0) return 1e9;
  try {
    return std::stod(quota) / period;
  } catch (const std::exception&) {
    return 1e9;
  }
}

}  // namespace

int usable_cpus() {
  const double cpus = std::min(static_cast<double>(affinity()), std::ceil(cgroup_cpus()));
  return std::max(1, static_cast<int>(cpus));
}

}  // namespace flagship
