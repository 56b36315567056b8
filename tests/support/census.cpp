// SPDX-License-Identifier: MIT
#include "tests/support/census.hpp"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

#include "common/os/sanitizers.hpp"
#include "tests/support/patience.hpp"

namespace flagship::test {
namespace {

namespace fs = std::filesystem;

std::string read_all(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

template <class Items>
std::string list(const Items& items) {
  std::ostringstream text;
  for (const auto& item : items) text << "\n  " << item;
  return text.str();
}

// Some of a library's descriptors live as long as the process; what counts is that there are no
// more of them.
std::set<std::string> beyond(const std::map<int, std::string>& now,
                             const std::map<int, std::string>& before) {
  std::set<std::string> more;
  if (now.size() <= before.size()) return more;
  for (const auto& [fd, what] : now)
    if (!before.contains(fd)) more.insert(std::to_string(fd) + " -> " + what);
  return more;
}

template <class Item>
std::set<Item> beyond(const std::set<Item>& now, const std::set<Item>& before) {
  std::set<Item> more;
  std::set_difference(now.begin(), now.end(), before.begin(), before.end(),
                      std::inserter(more, more.end()));
  return more;
}

/// ThreadSanitizer starts a program of its own when it first asks whether what it found is to be
/// suppressed, and keeps it and its pipes.
bool is_symbolizer(pid_t pid) {
  return kSanitized && read_all("/proc/" + std::to_string(pid) + "/comm") == "llvm-symbolizer\n";
}

std::set<std::string> pipes_of(pid_t pid) {
  std::set<std::string> pipes;
  std::error_code ended;
  for (const auto& entry : fs::directory_iterator("/proc/" + std::to_string(pid) + "/fd", ended))
    pipes.insert(fs::read_symlink(entry.path(), ended).string());
  return pipes;
}

}  // namespace

std::set<pid_t> child_processes() {
  std::set<pid_t> children;
  std::error_code ended;  // a thread may end while it is looked at
  for (const auto& task : fs::directory_iterator("/proc/self/task", ended)) {
    std::istringstream pids(read_all(task.path() / "children"));
    for (pid_t pid = 0; pids >> pid;) children.insert(pid);
  }
  return children;
}

std::map<int, std::string> open_descriptors() {
  std::map<int, std::string> open;
  for (const auto& entry : fs::directory_iterator("/proc/self/fd")) {
    std::error_code error;
    const std::string what = fs::read_symlink(entry.path(), error).string();
    const bool own = what.starts_with("/proc/") && what.ends_with("/fd");  // of this very look
    if (!error && !own) open[std::stoi(entry.path().filename())] = what;
  }
  return open;
}

std::set<std::string> run_folders(pid_t pid) {
  std::set<std::string> folders;
  const std::string prefix = "flagship-" + std::to_string(pid != 0 ? pid : getpid()) + "-";
  for (const char* variable : {"XDG_RUNTIME_DIR", "TMPDIR", ""}) {
    const char* const set = std::getenv(variable);
    const std::string parent = *variable == '\0' ? "/tmp" : set != nullptr ? set : "";
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(parent, error))
      if (entry.path().filename().string().starts_with(prefix)) folders.insert(entry.path());
  }
  return folders;
}

std::string command_of(pid_t pid) {
  std::string command = read_all("/proc/" + std::to_string(pid) + "/cmdline");
  return command.substr(0, command.find('\0'));
}

bool is_gone(pid_t pid) {
  const std::string stat = read_all("/proc/" + std::to_string(pid) + "/stat");
  const std::size_t state = stat.rfind(") ");
  return state == std::string::npos || stat[state + 2] == 'Z' || stat[state + 2] == 'X';
}

void Census::OnTestStart(const testing::TestInfo&) {
  children_ = child_processes();
  descriptors_ = open_descriptors();
  folders_ = run_folders();
}

void Census::OnTestEnd(const testing::TestInfo&) {
  std::set<pid_t> children;
  std::set<std::string> descriptors, folders;
  wait_until([&] {
    children = beyond(child_processes(), children_);
    descriptors = beyond(open_descriptors(), descriptors_);
    std::erase_if(children, [&](pid_t child) {
      if (!is_symbolizer(child)) return false;
      const std::set<std::string> pipes = pipes_of(child);
      std::erase_if(descriptors, [&](const std::string& descriptor) {
        return pipes.contains(descriptor.substr(descriptor.find("-> ") + 3));
      });
      return true;
    });
    folders = beyond(run_folders(), folders_);
    return children.empty() && descriptors.empty() && folders.empty();
  });
  EXPECT_TRUE(children.empty()) << "processes are left:" << list(children);
  EXPECT_TRUE(descriptors.empty()) << "descriptors are left:" << list(descriptors);
  EXPECT_TRUE(folders.empty()) << "folders are left:" << list(folders);
}

void install_census() {
  testing::UnitTest::GetInstance()->listeners().Append(new Census);  // googletest's from here on
}

}  // namespace flagship::test
