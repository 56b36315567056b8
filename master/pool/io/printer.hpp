// SPDX-License-Identifier: MIT
#pragma once

#include <unistd.h>

#include <cstddef>
#include <string>
#include <string_view>

namespace flagship::pool {

/// Writes lines to this process's stderr, and never waits for who reads it: what does not go out
/// now is kept, up to kMost bytes, and goes later.
class Printer {
 public:
  static constexpr std::size_t kMost = 256 * 1024;
  static constexpr std::size_t kEnough = 64 * 1024;

  explicit Printer(int fd = STDERR_FILENO) : fd_(fd) {}
  /// Gives what is unwritten a moment to go out.
  ~Printer();
  Printer(const Printer&) = delete;
  Printer& operator=(const Printer&) = delete;

  /// Each line after the prefix.
  void add(const std::string& prefix, std::string_view lines);
  /// As much as goes now.
  void flush();
  bool unwritten() const { return !unwritten_.empty(); }
  /// Better not to add more now.
  bool full() const { return unwritten_.size() >= kEnough; }

 private:
  bool ready(int wait_ms) const;

  const int fd_;
  std::string unwritten_;
  std::size_t left_out_ = 0;
};

}  // namespace flagship::pool
