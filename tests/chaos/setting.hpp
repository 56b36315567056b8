// SPDX-License-Identifier: MIT
// How long a test of chaos goes on, and which numbers it draws.
#pragma once

#include <cstdint>
#include <random>

namespace flagship::chaos {

/// FLAGSHIP_CHAOS_CALLS: how many calls are made while workers are killed; FLAGSHIP_CHAOS_KILLS:
/// how many masters are. Without them there are few.
int calls();
int kills();
/// True: scripts/chaos has asked for all of it, and has the machine for itself.
bool at_length();

/// What a test draws, from FLAGSHIP_CHAOS_SEED, or else from a seed of its own; prints it. The same
/// seed means the same calls, victims and moments, as far as the machine plays along.
class Dice {
 public:
  Dice();
  explicit Dice(std::uint64_t seed) : numbers_(seed) {}
  std::uint64_t seed() const { return seed_; }
  /// From 0 to below `sides`.
  std::uint64_t roll(std::uint64_t sides) {
    return std::uniform_int_distribution<std::uint64_t>(0, sides - 1)(numbers_);
  }
  bool one_in(std::uint64_t sides) { return roll(sides) == 0; }

 private:
  std::uint64_t seed_ = 0;
  std::mt19937_64 numbers_;
};

}  // namespace flagship::chaos
