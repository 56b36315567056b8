// SPDX-License-Identifier: MIT
#pragma once

#include <stdexcept>

namespace flagship::worker {

/// What cannot be mended: the agent ends with this sentence.
struct LinkError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// An agent's standard input, once its ticket is read: its end means that whoever started it is
/// gone. What still comes there means nothing.
class Lifeline {
 public:
  /// -1: there is none, it joins by itself.
  explicit Lifeline(int fd) : fd_(fd) {}
  int fd() const { return fd_; }
  /// To be asked when it can be read. Throws LinkError at its end.
  void check() const;

 private:
  const int fd_;
};

}  // namespace flagship::worker
