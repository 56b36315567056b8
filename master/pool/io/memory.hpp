// SPDX-License-Identifier: MIT
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>

namespace flagship::pool {

/// What a process has resident, in bytes; nothing: it has ended.
std::optional<std::uint64_t> resident_bytes_of(pid_t process);

}  // namespace flagship::pool
