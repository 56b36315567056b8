// SPDX-License-Identifier: MIT
#include "master/pool/io/worker_groups.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <string_view>
#include <system_error>
#include <thread>

#include "master/pool/io/cgroup.hpp"

namespace flagship::pool {
namespace {

constexpr std::string_view kPrefix = "flagship-";
constexpr auto kLastPatience = std::chrono::milliseconds(200);

/// In one go, as the kernel wants it.
bool put(const std::string& file, const std::string& text) {
  const UniqueFd fd(open(file.c_str(), O_WRONLY | O_CLOEXEC));
  return fd && write(fd.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

/// "flagship-PID-N" of a process that is no more.
bool is_left_behind(std::string_view name) {
  pid_t pid = 0;
  if (!name.starts_with(kPrefix)) return false;
  name.remove_prefix(kPrefix.size());
  const auto [rest, error] = std::from_chars(name.data(), name.data() + name.size(), pid);
  return error == std::errc() && *rest == '-' && kill(pid, 0) != 0 && errno == ESRCH;
}

// A group with processes in it stays.
void sweep(const std::string& parent) {
  std::error_code error;
  for (std::filesystem::directory_iterator entry(parent, error), end; !error && entry != end;
       entry.increment(error))
    if (is_left_behind(entry->path().filename().native())) rmdir(entry->path().c_str());
}

unsigned next_number() {
  static std::atomic<unsigned> last{0};
  return ++last;
}

std::string new_folder(const std::string& parent) {
  return parent + "/" + std::string(kPrefix) + std::to_string(getpid()) + "-" +
         std::to_string(next_number());
}

/// Whether groups that are made in it have a limit of memory to set.
bool accepts_limits(const std::string& parent, bool version_2) {
  if (version_2) put(parent + "/cgroup.subtree_control", "+memory");
  const std::string probe = new_folder(parent);
  if (mkdir(probe.c_str(), 0700) != 0) return false;
  const std::string limit = probe + (version_2 ? "/memory.max" : "/memory.limit_in_bytes");
  const bool accepted = access(limit.c_str(), W_OK) == 0;
  rmdir(probe.c_str());
  return accepted;
}

void kill_all_in(const std::string& folder) {
  if (put(folder + "/cgroup.kill", "1")) return;
  std::ifstream processes(folder + "/cgroup.procs");
  for (pid_t pid = 0; processes >> pid;) kill(pid, SIGKILL);
}

}  // namespace

WorkerGroups::WorkerGroups() {
  for (const bool version_2 : {true, false}) {
    const auto own = own_memory_group(version_2);
    if (!own || !accepts_limits(*own, version_2)) continue;
    parent_ = *own;
    version_2_ = version_2;
    sweep(parent_);
    return;
  }
}

WorkerGroups::~WorkerGroups() {
  const auto end = std::chrono::steady_clock::now() + kLastPatience;
  for (remove_ended(); !ended_.empty() && std::chrono::steady_clock::now() < end; remove_ended())
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

std::string WorkerGroups::name() const { return version_2_ ? "cgroup v2" : "cgroup v1"; }

WorkerGroups::Group WorkerGroups::make(std::uint64_t bytes) {
  remove_ended();
  Group group;
  group.folder_ = new_folder(parent_);
  if (mkdir(group.folder_.c_str(), 0700) != 0)
    throw std::system_error(errno, std::generic_category(), "cannot make a cgroup for a worker");
  const std::string limit = std::to_string(bytes);
  const std::string folder = group.folder_ + "/";
  if (!put(folder + (version_2_ ? "memory.max" : "memory.limit_in_bytes"), limit)) {
    const int error = errno;
    rmdir(group.folder_.c_str());
    throw std::system_error(error, std::generic_category(),
                            "cannot limit the memory of a worker's cgroup");
  }
  if (version_2_) {
    put(folder + "memory.swap.max", "0");
    put(folder + "memory.oom.group", "1");
  } else {
    put(folder + "memory.memsw.limit_in_bytes", limit);
  }
  const std::string events = folder + (version_2_ ? "memory.events" : "memory.oom_control");
  group.events_.reset(open(events.c_str(), O_RDONLY | O_CLOEXEC));
  return group;
}

void WorkerGroups::end(Group&& group) {
  if (!group) return;
  kill_all_in(group.folder_);
  ended_.push_back(std::move(group.folder_));
  group = {};
  remove_ended();
}

void WorkerGroups::remove_ended() {
  std::erase_if(ended_, [](const std::string& folder) {
    return rmdir(folder.c_str()) == 0 || errno == ENOENT;
  });
}

void WorkerGroups::Group::take_in(pid_t worker) const {
  if (!put(folder_ + "/cgroup.procs", std::to_string(worker)) && errno != ESRCH)
    throw std::system_error(
        errno, std::generic_category(),
        "cannot put worker process " + std::to_string(worker) + " into its cgroup");
}

bool WorkerGroups::Group::ran_out() const {
  return events_ && oom_kills_in(events_.get()).value_or(0) > 0;
}

}  // namespace flagship::pool
