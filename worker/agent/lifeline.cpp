// SPDX-License-Identifier: MIT
#include "worker/agent/lifeline.hpp"

#include <unistd.h>

#include <array>
#include <cerrno>

namespace flagship::worker {

void Lifeline::check() const {
  std::array<char, 256> ignored;
  const ssize_t got = read(fd_, ignored.data(), ignored.size());
  if (got == 0 || (got < 0 && errno != EINTR && errno != EAGAIN))
    throw LinkError("its master is gone");
}

}  // namespace flagship::worker
