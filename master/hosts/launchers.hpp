// SPDX-License-Identifier: MIT
#pragma once

#include <memory>
#include <string>

#include "flagship/hosts.hpp"
#include "master/hosts/launcher.hpp"
#include "master/hosts/start_turns.hpp"

namespace flagship::hosts {

/// Makes the launchers of a pool's hosts, which share how many starts are begun at once.
class Launchers {
 public:
  /// `program`: what agents run, with its build id in hex; empty: this executable.
  Launchers(std::string program, std::string build)
      : program_(std::move(program)), build_(std::move(build)) {}

  /// Nothing for a host whose agent nobody starts. Throws std::system_error.
  std::unique_ptr<Launcher> make(const Host& host) const;

 private:
  const std::string program_;
  const std::string build_;
  const std::shared_ptr<StartTurns> turns_ = std::make_shared<StartTurns>();
};

}  // namespace flagship::hosts
