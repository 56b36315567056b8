// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "tests/sim/choices.hpp"
#include "tests/sim/sights.hpp"

namespace flagship::sim {

/// What some walks have come to.
struct Walks {
  std::uint64_t schedules = 0;
  std::uint64_t tasks = 0;
  std::uint64_t events = 0;
  Sights sights;

  /// Walks from this seed. When it went wrong: how, and the smallest walk found that goes wrong in
  /// the same way, as a story.
  std::optional<std::string> walk(std::uint64_t seed);
};

/// The same for the walk of a script, as it is.
std::optional<std::string> replay(const Script& script);
/// The whole story of a walk, whether or not it goes wrong.
std::string story_of(std::uint64_t seed);

}  // namespace flagship::sim
