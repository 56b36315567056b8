// SPDX-License-Identifier: MIT
#pragma once

#include <string>

namespace flagship::pool {

/// A private folder (mode 0700) for a pool's sockets, removed with all that is in it.
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
};

}  // namespace flagship::pool
