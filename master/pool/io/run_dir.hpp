// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include "common/os/unique_fd.hpp"

namespace flagship::pool {

/// A private folder (mode 0700) for a pool's sockets, removed with all that is in it. A new one
/// sweeps away those that processes of this user left when they were killed.
class RunDir {
 public:
  /// Throws std::system_error.
  RunDir();
  ~RunDir();
  RunDir(const RunDir&) = delete;
  RunDir& operator=(const RunDir&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
  UniqueFd lock_;  // on the folder itself, for as long as its owner lives
};

}  // namespace flagship::pool
