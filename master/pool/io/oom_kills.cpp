// SPDX-License-Identifier: MIT
#include "master/pool/io/oom_kills.hpp"

#include <fcntl.h>

#include <algorithm>
#include <string>

#include "master/pool/io/cgroup.hpp"

namespace flagship::pool {
namespace {

UniqueFd open_events(bool version_2) {
  const auto group = own_memory_group(version_2);
  if (!group) return {};
  const std::string file = *group + (version_2 ? "/memory.events" : "/memory.oom_control");
  return UniqueFd(open(file.c_str(), O_RDONLY | O_CLOEXEC));
}

}  // namespace

OomKills::OomKills() : events_(open_events(true)) {
  if (!events_) events_ = open_events(false);
}

std::optional<std::uint64_t> OomKills::count() const { return oom_kills_in(events_.get()); }

bool OomKills::explains_death_since(std::optional<std::uint64_t> before) {
  const auto now = count();
  if (!before || !now) return false;
  const std::uint64_t known = std::max(*before, explained_);
  if (*now <= known) return false;
  explained_ = known + 1;
  return true;
}

}  // namespace flagship::pool
