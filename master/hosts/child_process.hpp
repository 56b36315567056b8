// SPDX-License-Identifier: MIT
#pragma once

#include <sys/types.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "flagship/error.hpp"
#include "master/hosts/watched_fd.hpp"
#include "master/pool/io/lines.hpp"

namespace flagship::hosts {

/// A program of this machine, and the way to its three standard streams. Nothing here waits, but
/// for its destruction, which kills and reaps it. One thread.
class ChildProcess {
 public:
  /// Found on PATH; leader of a process group of its own. Whenever `advance` may get further,
  /// `epoll` is readable, with `key`. Throws std::system_error.
  ChildProcess(const std::vector<std::string>& command, int epoll, std::uint64_t key);
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  pid_t pid() const { return pid_; }
  /// To its standard input, behind what was sent before.
  void send(std::string text);
  /// The first `size` bytes of a file, read as they go; `file` stays open as long as this.
  void send_file(int file, std::size_t size);
  /// The end of its standard input. What has not gone out by now never does.
  void close_input();
  /// To it alone, or to its group.
  void signal(int signal) const;
  void signal_group(int signal) const;

  /// Reads, writes and reaps as far as it goes now. Appends whole lines of its standard output.
  void advance(std::string& lines);
  /// How it ended, once `advance` has seen it, and the last lines of its standard error.
  const std::optional<Death>& ended() const { return ended_; }
  std::string last_lines() const { return tail_.text(); }
  /// Puts a line among those.
  void note(std::string_view line);
  /// Waits for its end, which `advance` sees then; false: it has not come by that time.
  bool wait_until(std::chrono::steady_clock::time_point time) const;

 private:
  struct Input {
    std::string text{};
    int file = -1;  // instead of the text
    std::size_t sent = 0;
    std::size_t size = 0;
  };

  void spawn(const std::vector<std::string>& command, const std::array<int, 3>& streams);
  void enqueue(Input input);
  void write();
  bool write_some(Input& input);
  void read(WatchedFd& pipe, pool::LineCutter& cutter, std::string& lines);
  void read_all(std::string& lines);
  bool reap();

  pid_t pid_ = 0;
  WatchedFd pidfd_;
  WatchedFd input_;  // watched while something is to be written
  WatchedFd output_;
  WatchedFd errors_;
  std::deque<Input> unsent_;
  pool::LineCutter output_cutter_;
  pool::LineCutter error_cutter_;
  pool::Tail tail_;
  std::optional<Death> ended_;
};

}  // namespace flagship::hosts
