// SPDX-License-Identifier: MIT
// A small program of the tests own that talks in lines.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "common/os/unique_fd.hpp"

namespace flagship::test {

class Child {
 public:
  /// Starts it with its standard output in a pipe.
  explicit Child(const std::vector<std::string>& command);
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  /// Kills it unless it was waited for.
  ~Child();

  pid_t pid() const { return pid_; }
  /// The next line of its output without the end; empty at the end of output.
  std::string read_line();
  std::string read_rest();
  void kill(int signal) const;
  /// Its exit code, or minus the signal that ended it.
  int wait();

 private:
  pid_t pid_ = 0;
  UniqueFd output_;
};

}  // namespace flagship::test
