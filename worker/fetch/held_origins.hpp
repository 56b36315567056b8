// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <chrono>
#include <string>
#include <unordered_map>

namespace flagship::fetch {

/// Origins that asked to be left alone for a while (Retry-After). The time is handed in.
class HeldOrigins {
 public:
  using Time = std::chrono::steady_clock::time_point;

  bool empty() const { return until_.empty(); }
  void hold(const std::string& origin, Time until) {
    Time& known = until_.try_emplace(origin, until).first->second;
    known = std::max(known, until);
  }
  bool holds(const std::string& origin, Time now) const {
    const auto found = until_.find(origin);
    return found != until_.end() && found->second > now;
  }
  /// Forgets those whose time is over; false: there is none.
  bool release(Time now) {
    return std::erase_if(until_, [now](const auto& held) { return held.second <= now; }) > 0;
  }

 private:
  std::unordered_map<std::string, Time> until_;
};

}  // namespace flagship::fetch
