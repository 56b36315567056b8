// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>

namespace flagship::fetch {

/// How many items may be errors before a run ends early.
struct MaxErrors {
  static constexpr std::uint64_t kShareFrom = 100;  // items that ended, before a share says much

  std::optional<std::uint64_t> count{};
  std::optional<double> percent{};  // of those that ended

  bool exceeded(std::uint64_t errors, std::uint64_t ended) const {
    if (count && errors > *count) return true;
    return percent && ended >= kShareFrom &&
           static_cast<double>(errors) * 100 > *percent * static_cast<double>(ended);
  }
};

}  // namespace flagship::fetch
