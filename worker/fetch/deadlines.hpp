// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <optional>
#include <utility>

namespace flagship::fetch {

using Clock = std::chrono::steady_clock;

/// When which transfer (by number) must be looked at. An entry taken out is put back without
/// allocating.
class Deadlines {
 public:
  using Map = std::multimap<Clock::time_point, std::size_t>;

  /// One transfer's place; belongs to the transfer.
  class Entry {
    friend class Deadlines;
    Map::node_type spare_;
    std::optional<Map::iterator> at_;
  };

  void set(Entry& entry, std::size_t member, Clock::time_point when) {
    clear(entry);
    if (!entry.spare_) {
      entry.at_ = map_.emplace(when, member);
      return;
    }
    entry.spare_.key() = when;
    entry.spare_.mapped() = member;
    entry.at_ = map_.insert(std::move(entry.spare_));
  }

  void clear(Entry& entry) {
    if (!entry.at_) return;
    entry.spare_ = map_.extract(*entry.at_);
    entry.at_.reset();
  }

  Clock::time_point next() const {
    return map_.empty() ? Clock::time_point::max() : map_.begin()->first;
  }
  /// The first that is due at `now`.
  std::optional<std::size_t> due(Clock::time_point now) const {
    if (next() > now) return std::nullopt;
    return map_.begin()->second;
  }

 private:
  Map map_;
};

}  // namespace flagship::fetch
