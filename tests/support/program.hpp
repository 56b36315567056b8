// SPDX-License-Identifier: MIT
// Another program, run by a test.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "common/os/unique_fd.hpp"

namespace flagship::test {

class Program {
 public:
  /// Starts it with its standard output in a pipe.
  explicit Program(const std::vector<std::string>& command);
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;
  /// Kills it unless it was waited for.
  ~Program();

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
