// SPDX-License-Identifier: MIT
#pragma once

#include <string>

namespace flagship::cli {

/// The download worker's program: `asked` if not empty, else $FLAGSHIP_WORKER, else flagship-worker
/// beside this program or where `cmake --install` puts it. Throws std::runtime_error with a
/// sentence when it is missing or not executable.
std::string worker_program(const std::string& asked);

}  // namespace flagship::cli
