// SPDX-License-Identifier: MIT
#include "master/pool/io/oom_kills.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

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

UniqueFd open_events(bool version_2) {
  const auto mount = find_mount(version_2);
  auto group = own_group(version_2);
  if (!mount || !group) return {};
  if (mount->root != "/" && group->starts_with(mount->root)) group->erase(0, mount->root.size());
  const std::string file =
      mount->point + *group + (version_2 ? "/memory.events" : "/memory.oom_control");
  return UniqueFd(open(file.c_str(), O_RDONLY | O_CLOEXEC));
}

}  // namespace

OomKills::OomKills() : events_(open_events(true)) {
  if (!events_) events_ = open_events(false);
}

std::optional<std::uint64_t> OomKills::count() const {
  std::array<char, 1024> buffer;
  const ssize_t got = events_ ? pread(events_.get(), buffer.data(), buffer.size(), 0) : -1;
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

bool OomKills::explains_death_since(std::optional<std::uint64_t> before) {
  const auto now = count();
  if (!before || !now) return false;
  const std::uint64_t known = std::max(*before, explained_);
  if (*now <= known) return false;
  explained_ = known + 1;
  return true;
}

}  // namespace flagship::pool
