// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

namespace flagship::pool {

/// Raises this process's limit of open files as far as it may, and throws BrokenProcessPool with a
/// sentence when a pool of so many workers would not fit: libzmq 4.3.4 aborts the process when it
/// runs out of descriptors.
void require_descriptors(std::uint32_t workers);

}  // namespace flagship::pool
