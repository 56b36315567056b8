// SPDX-License-Identifier: MIT
#include "master/pool/io/run_dir.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <system_error>

namespace flagship::pool {
namespace {

// A socket's path has room for 107 bytes, so a long TMPDIR is passed over.
std::string parent() {
  constexpr std::size_t kMost = 60;
  for (const char* variable : {"XDG_RUNTIME_DIR", "TMPDIR"}) {
    const char* const dir = std::getenv(variable);
    if (dir != nullptr && dir[0] == '/' && std::string(dir).size() <= kMost && access(dir, W_OK | X_OK) == 0) return dir;
  }
  return "/tmp";
}

}  // namespace

RunDir::RunDir() {
  path_ = parent() + "/flagship-" + std::to_string(getpid()) + "-XXXXXX";
  if (mkdtemp(path_.data()) == nullptr)
    throw std::system_error(errno, std::generic_category(), "cannot make the private folder " + path_);
}

RunDir::~RunDir() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace flagship::pool
