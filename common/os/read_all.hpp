// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <string>

namespace flagship {

/// What `fd` has, to its end; it waits for that. Throws std::runtime_error with the cause when it
/// cannot be read, or has more than `most` bytes.
std::string read_all(int fd, std::size_t most);

}  // namespace flagship
