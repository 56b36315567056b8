// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "master/pool/core/types.hpp"

namespace flagship::core {

/// Which worker is to be seen to when; one time for each at most. However many there are, only
/// those whose time has come are looked at.
class Agenda {
 public:
  explicit Agenda(std::uint32_t workers) : times_(workers) {}

  bool has(std::uint32_t id) const { return times_[id].has_value(); }
  /// Whichever is sooner stands.
  void add(std::uint32_t id, Time at);
  void remove(std::uint32_t id);
  void clear();
  /// The earliest time of all.
  std::optional<Time> next() const;
  /// Takes out those whose time has come, the earliest first.
  std::vector<std::uint32_t> take_due(Time now);

 private:
  std::vector<std::optional<Time>> times_;
  std::set<std::pair<Time, std::uint32_t>> order_;
};

}  // namespace flagship::core
