// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace flagship::pool {

/// The folder of the cgroup that accounts for this process's memory; nothing: there is none, or it
/// is not to be seen from here.
std::optional<std::string> own_memory_group(bool version_2);

/// How often the kernel has killed a process of a cgroup for want of memory, as its memory.events
/// (of version 1: memory.oom_control) says. Nothing: it does not say.
std::optional<std::uint64_t> oom_kills_in(int events);

}  // namespace flagship::pool
