// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <string>
#include <utility>

#include "common/os/unique_fd.hpp"

namespace flagship::hosts {

/// The program of this machine that an agent is, too. Opened when it is first asked for, and the
/// same bytes from then on, also when another takes its place.
class AgentProgram {
 public:
  /// `path` empty: this executable. `build`: its build id in hex.
  AgentProgram(std::string path, std::string build)
      : path_(std::move(path)), build_(std::move(build)) {}

  /// The path under which it is found here, absolute.
  std::string path() const;
  /// The last part of that, of letters that need no quoting.
  std::string name() const;
  const std::string& build() const { return build_; }
  /// Both throw std::system_error when it cannot be read.
  int file();
  std::size_t size();

 private:
  std::string path_;
  std::string build_;
  UniqueFd file_;
};

}  // namespace flagship::hosts
