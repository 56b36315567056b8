// SPDX-License-Identifier: MIT
#include "master/pool/io/run_dir.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <string_view>
#include <system_error>

namespace flagship::pool {
namespace {

// A socket's path has room for 107 bytes, so a long TMPDIR is passed over.
std::string parent() {
  constexpr std::size_t kMost = 60;
  for (const char* variable : {"XDG_RUNTIME_DIR", "TMPDIR"}) {
    const char* const dir = std::getenv(variable);
    if (dir != nullptr && dir[0] == '/' && std::string(dir).size() <= kMost &&
        access(dir, W_OK | X_OK) == 0)
      return dir;
  }
  return "/tmp";
}

constexpr std::string_view kPrefix = "flagship-";

/// The process of "flagship-PID-XXXXXX"; 0 for any other name.
pid_t owner_of(std::string_view name) {
  pid_t pid = 0;
  if (!name.starts_with(kPrefix)) return 0;
  name.remove_prefix(kPrefix.size());
  const auto [rest, error] = std::from_chars(name.data(), name.data() + name.size(), pid);
  return error == std::errc() && *rest == '-' ? pid : 0;
}

UniqueFd lock(const std::string& path) {
  UniqueFd fd(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
  if (fd && flock(fd.get(), LOCK_EX | LOCK_NB) != 0) fd.reset();
  return fd;
}

// The lock decides, since a pid means nothing to a process of another container that shares the
// folder.
void sweep(const std::string& parent) {
  std::error_code error;
  for (std::filesystem::directory_iterator entry(parent, error), end; !error && entry != end;
       entry.increment(error)) {
    const pid_t owner = owner_of(entry->path().filename().native());
    struct stat status {};
    if (owner == 0 || kill(owner, 0) == 0 || lstat(entry->path().c_str(), &status) != 0 ||
        status.st_uid != geteuid())
      continue;
    std::error_code ignored;
    if (const UniqueFd mine = lock(entry->path()))
      std::filesystem::remove_all(entry->path(), ignored);
  }
}

}  // namespace

RunDir::RunDir() {
  sweep(parent());
  path_ = parent() + "/flagship-" + std::to_string(getpid()) + "-XXXXXX";
  if (mkdtemp(path_.data()) == nullptr)
    throw std::system_error(errno, std::generic_category(),
                            "cannot make the private folder " + path_);
  lock_ = lock(path_);
}

RunDir::~RunDir() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace flagship::pool
