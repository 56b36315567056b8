// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <random>

#include "master/serve/server.hpp"

namespace flagship::serve {

/// What chance decides for each request. For one thread.
class Chance {
 public:
  /// Throws std::invalid_argument when the options contradict themselves.
  explicit Chance(const Options& options);

  std::chrono::microseconds delay();
  Fault::Kind fault();
  /// One of statuses().
  int status();
  const std::vector<int>& statuses() const { return fault_.statuses; }

 private:
  std::mt19937_64 random_{std::random_device{}()};
  std::uniform_int_distribution<std::chrono::microseconds::rep> delay_;
  std::bernoulli_distribution fails_;
  Fault fault_;
};

}  // namespace flagship::serve
