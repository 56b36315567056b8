// SPDX-License-Identifier: MIT
#include "worker/runtime/output.hpp"

#include <unistd.h>

#include <cstdio>

namespace flagship::worker {

void print_to(UniqueFd&& output) {
  const UniqueFd pipe = std::move(output);
  if (!pipe) return;
  dup2(pipe.get(), STDOUT_FILENO);
  dup2(pipe.get(), STDERR_FILENO);
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
}

}  // namespace flagship::worker
