// SPDX-License-Identifier: MIT
#pragma once

#include "common/os/unique_fd.hpp"

namespace flagship::worker {

/// From here on this process's stdout and stderr. Its stdout is written out line by line, so that
/// what a task printed is not lost with the process.
void print_to(UniqueFd&& output);

}  // namespace flagship::worker
