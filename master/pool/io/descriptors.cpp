// SPDX-License-Identifier: MIT
#include "master/pool/io/descriptors.hpp"

#include <sys/resource.h>

#include <cstddef>
#include <filesystem>
#include <iterator>
#include <string>
#include <system_error>

#include "flagship/error.hpp"

namespace flagship::pool {
namespace {

constexpr std::uint64_t kPerWorker =
    7;  // listener, its signaller, task and result connections, pidfd, output, one to spare
constexpr std::uint64_t kPerPool = 32;

std::uint64_t open_now() {
  std::error_code error;
  const std::filesystem::directory_iterator files("/proc/self/fd", error);
  return error ? 64 : static_cast<std::uint64_t>(std::distance(begin(files), end(files)));
}

}  // namespace

void require_descriptors(std::uint32_t workers) {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  if (limit.rlim_cur < limit.rlim_max) {
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    getrlimit(RLIMIT_NOFILE, &limit);
  }
  const std::uint64_t needed = open_now() + kPerPool + kPerWorker * workers;
  if (needed <= limit.rlim_cur) return;
  throw BrokenProcessPool("a pool of " + std::to_string(workers) + " workers needs about " +
                          std::to_string(needed) + " file descriptors, and this process may open " +
                          std::to_string(limit.rlim_cur) +
                          ": use fewer workers, or raise the limit (ulimit -n)");
}

}  // namespace flagship::pool
