// SPDX-License-Identifier: MIT
#include "master/cli/output_folder.hpp"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>
#include <stdexcept>
#include <string>

#include "common/os/unique_fd.hpp"

namespace flagship::cli {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail(const fs::path& path, const std::string& why) {
  throw std::runtime_error("cannot write into the output folder '" + path.string() + "': " + why);
}

/// The process of an unfinished file, ".flagship-PID-N.part"; 0 for any other name.
pid_t writer_of(const std::string& name) {
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

void OutputFolder::sweep() const {
  std::error_code error;
  for (fs::directory_iterator entry(path_, error), end; !error && entry != end;
       entry.increment(error)) {
    const pid_t writer = writer_of(entry->path().filename().string());
    if (writer > 0 && gone(writer)) unlink(entry->path().c_str());
  }
}

void OutputFolder::remove_empty() const {
  for (auto at = made_.rbegin(); at != made_.rend(); ++at) rmdir(at->c_str());
}

}  // namespace flagship::cli
