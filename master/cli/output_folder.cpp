// SPDX-License-Identifier: MIT
#include "master/cli/output_folder.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

#include "common/os/unique_fd.hpp"

namespace flagship::cli {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail(const fs::path& path, const std::string& why) {
  throw std::runtime_error("cannot write into the output folder '" + path.string() + "': " + why);
}

constexpr std::string_view kKept = ".flagship-kept-";

/// The process of an unfinished file, ".flagship-PID-N.part"; 0 for any other name.
pid_t writer_of(std::string_view name) {
  constexpr std::string_view kPrefix = ".flagship-";
  if (!name.starts_with(kPrefix) || !name.ends_with(".part")) return 0;
  pid_t pid = 0;
  std::from_chars(name.data() + kPrefix.size(), name.data() + name.size(), pid);
  return pid;
}

/// A process that has ended and that nobody waits for is gone, too: in a container pid 1 may not
/// care.
bool gone(pid_t pid) {
  if (kill(pid, 0) != 0) return errno == ESRCH;
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string line;
  if (!std::getline(file, line)) return false;
  const std::size_t state = line.rfind(')') + 2;
  return state < line.size() && (line[state] == 'Z' || line[state] == 'X');
}

}  // namespace

OutputFolder::OutputFolder(fs::path path) : path_(std::move(path)) {
  make();
  try {
    probe();
    sweep();
  } catch (...) {
    remove_empty();
    throw;
  }
}

OutputFolder::~OutputFolder() {
  sweep();
  remove_empty();
}

void OutputFolder::make() {
  std::error_code error;
  std::vector<fs::path> missing;
  for (fs::path at = fs::absolute(path_).lexically_normal(); !fs::exists(at, error) && !error;
       at = at.parent_path())
    if (at.has_filename()) missing.push_back(at);
  if (error) fail(path_, error.message());
  for (auto at = missing.rbegin(); at != missing.rend(); ++at) {
    if (fs::create_directory(*at, error)) made_.push_back(*at);
    if (error) {
      remove_empty();
      fail(path_, error.message());
    }
  }
  if (!fs::is_directory(path_, error)) fail(path_, "it is not a folder");
}

// Permission bits do not tell for every user and file system; trying does.
void OutputFolder::probe() const {
  const fs::path file = path_ / (".flagship-" + std::to_string(getpid()) + "-0.part");
  const UniqueFd fd(open(file.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd) fail(path_, std::strerror(errno));
  unlink(file.c_str());
}

// By readdir: a folder may hold a million files, and nearly all of them are none of these.
void OutputFolder::sweep() {
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(opendir(path_.c_str()), closedir);
  if (!folder) return;
  while (const dirent* entry = readdir(folder.get())) {
    if (entry->d_name[0] != '.') continue;
    const bool kept = std::string_view(entry->d_name).starts_with(kKept);
    holds_partials_ = holds_partials_ || kept;
    const pid_t writer = writer_of(entry->d_name);
    if ((writer > 0 && gone(writer)) || (kept && drops_partials_))
      unlink((path_ / entry->d_name).c_str());
  }
}

void OutputFolder::remove_empty() const {
  for (auto at = made_.rbegin(); at != made_.rend(); ++at) rmdir(at->c_str());
}

}  // namespace flagship::cli
