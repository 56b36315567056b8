// SPDX-License-Identifier: MIT
#include "master/pool/io/cgroup.hpp"

#include <unistd.h>

#include <array>
#include <charconv>
#include <fstream>
#include <sstream>
#include <string_view>

namespace flagship::pool {
namespace {

bool has_word(std::string_view list, std::string_view word) {  // of "a,b,c"
  for (;;) {
    const std::size_t end = list.find(',');
    if (list.substr(0, end) == word) return true;
    if (end == std::string_view::npos) return false;
    list.remove_prefix(end + 1);
  }
}

/// Where a hierarchy of cgroups is mounted, and which of its groups is to be seen there.
struct Mount {
  std::string point;
  std::string root;
};

// "31 23 0:28 ROOT POINT options [fields] - TYPE source OPTIONS"
std::optional<Mount> find_mount(bool version_2) {
  std::ifstream mounts("/proc/self/mountinfo");
  for (std::string line; std::getline(mounts, line);) {
    std::istringstream words(line);
    std::string skipped, type, options;
    Mount mount;
    words >> skipped >> skipped >> skipped >> mount.root >> mount.point;
    while (words >> skipped && skipped != "-") {
    }
    words >> type >> skipped >> options;
    if (version_2 ? type == "cgroup2" : type == "cgroup" && has_word(options, "memory"))
      return mount;
  }
  return std::nullopt;
}

// "0::/path" is of version 2, "4:memory:/path" of version 1.
std::optional<std::string> own_group(bool version_2) {
  std::ifstream groups("/proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {
    const std::size_t first = line.find(':');
    const std::size_t second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    if (version_2 ? controllers.empty() : has_word(controllers, "memory"))
      return line.substr(second + 1);
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::string> own_memory_group(bool version_2) {
  const auto mount = find_mount(version_2);
  auto group = own_group(version_2);
  if (!mount || !group) return std::nullopt;
  if (mount->root != "/" && group->starts_with(mount->root)) group->erase(0, mount->root.size());
  return mount->point + *group;
}

std::optional<std::uint64_t> oom_kills_in(int events) {
  std::array<char, 1024> buffer;
  const ssize_t got = events >= 0 ? pread(events, buffer.data(), buffer.size(), 0) : -1;
  if (got <= 0) return std::nullopt;
  const std::string_view text(buffer.data(), static_cast<std::size_t>(got));
  constexpr std::string_view kName = "oom_kill ";
  std::size_t at = text.find(kName);
  while (at != std::string_view::npos && at > 0 && text[at - 1] != '\n')
    at = text.find(kName, at + 1);
  if (at == std::string_view::npos) return std::nullopt;
  std::uint64_t count = 0;
  const std::string_view number = text.substr(at + kName.size());
  std::from_chars(number.data(), number.data() + number.size(), count);
  return count;
}

}  // namespace flagship::pool
