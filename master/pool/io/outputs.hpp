// SPDX-License-Identifier: MIT
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "common/os/unique_fd.hpp"
#include "flagship/options.hpp"
#include "master/pool/io/lines.hpp"
#include "master/pool/io/printer.hpp"

namespace flagship::pool {

/// What the workers of a pool print: a pipe for each life of a worker, read a little at a time,
/// given on in whole lines. A pipe's end is never waited for: what a task started may hold it open
/// for ever. One thread.
class Outputs {
 public:
  using Sink = std::function<void(const WorkerOutput&)>;

  /// No sink: to this process's stderr.
  Outputs(std::string pool, Sink sink, std::uint32_t workers);

  /// Who takes the place of a worker here, while it starts workers.
  std::uint32_t zygote() const { return static_cast<std::uint32_t>(pipes_.size() - 1); }

  /// The end that a new worker writes to. Throws std::system_error.
  UniqueFd open(std::uint32_t worker);
  void started(std::uint32_t worker, pid_t pid) { pipes_[worker].pid = pid; }
  /// What a worker of another host printed; whole lines.
  void pass_on(const WorkerOutput& output);
  /// A line of the pool's own.
  void mention(std::string&& line);
  /// A line in its name that it did not print.
  void say(std::uint32_t worker, std::string&& line);
  /// Gives on what is left, as far as it is there now. The last lines of this worker's life.
  std::string close(std::uint32_t worker);

  /// Readable when there is something to read.
  int fd() const { return epoll_.get(); }
  /// Some of it; never waits.
  void read();
  /// True: not to be read now, since stderr takes nothing.
  bool held_up() const { return printer_.full(); }
  /// Something waits for stderr; `flush` tries again.
  bool unwritten() const { return printer_.unwritten(); }
  void flush() { printer_.flush(); }

 private:
  struct Pipe {
    UniqueFd end;
    pid_t pid = 0;
    LineCutter cutter;
    Tail tail;
  };

  std::string name_of(std::uint32_t worker) const;
  /// How much; 0: nothing now. At the end it is watched no more.
  std::size_t read_some(std::uint32_t worker);
  void take_lines(std::uint32_t worker);
  void give_on(std::uint32_t worker, const std::string& lines);
  void give(const std::string& name, const WorkerOutput& output);
  void forget(Pipe& pipe);

  const std::string pool_;
  const Sink sink_;
  const UniqueFd epoll_;
  Printer printer_;
  std::vector<Pipe> pipes_;  // by worker, and the zygote's
  std::vector<char> buffer_;
  std::string lines_;  // reused
};

}  // namespace flagship::pool
