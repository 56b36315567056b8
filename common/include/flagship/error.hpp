// SPDX-License-Identifier: MIT
// What can go wrong, named by what the caller does next. Exceptions are immutable; copies share
// their details, so copying never throws and any thread may read them.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <memory>
#include <stdexcept>
#include <string>

namespace flagship {

/// Base of all errors that Flagship itself raises.
class Error : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// The call was cancelled, before it began or by `interrupt()`.
class CancelledError : public Error {
 public:
  CancelledError() : Error("the call was cancelled") {}
  using Error::Error;
};

/// A wait took longer than the caller allowed. The call itself goes on.
class TimeoutError : public Error {
 public:
  TimeoutError() : Error("the future is not done yet") {}
  explicit TimeoutError(const std::string& what, std::size_t unfinished = 1)
      : Error(what), unfinished_(unfinished) {}
  /// How many of the awaited futures were not done.
  std::size_t unfinished() const noexcept { return unfinished_; }

 private:
  std::size_t unfinished_ = 1;
};

/// The call ran longer than its time limit and was stopped.
class TaskTimeout : public Error {
  using Error::Error;
};

/// A promise was given a second result, or a result after its future was cancelled.
class InvalidStateError : public Error {
  using Error::Error;
};

/// A promise was let go of without a result.
class BrokenPromise : public Error {
 public:
  BrokenPromise() : Error("the promise was let go of without a result") {}
  using Error::Error;
};

/// The executor takes no new calls.
class ShutdownError : public Error {
 public:
  ShutdownError() : Error("cannot schedule new futures after shutdown") {}
  using Error::Error;
};

/// The worker has no task of that name.
class UnknownTask : public Error {
  using Error::Error;
};

/// An argument or a result could not be written, read, or was too large. Only this call is
/// affected.
class SerializationError : public Error {
  using Error::Error;
};

/// The task threw something that is neither a standard exception nor registered with
/// FLAGSHIP_EXCEPTION, or that could not be made again. `what()` says all three of what follows.
class RemoteError : public Error {
 public:
  RemoteError(std::string type_name, const std::string& message, std::string backtrace = {});
  /// The thrown type's name, demangled.
  const std::string& type_name() const noexcept { return details_->type_name; }
  /// What its `what()` was; the text or number itself when that was thrown.
  const std::string& message() const noexcept { return details_->message; }
  /// Where it was thrown, one function a line, innermost first: "function(arguments)
  /// (program+0xoffset)", or what is known of that; empty when nothing is.
  const std::string& backtrace() const noexcept { return details_->backtrace; }

 private:
  struct Details {
    std::string type_name;
    std::string message;
    std::string backtrace;
  };
  std::shared_ptr<const Details> details_;
};

/// The executor cannot run calls any more.
class BrokenExecutor : public Error {
  using Error::Error;
};

class BrokenProcessPool : public BrokenExecutor {
  using BrokenExecutor::BrokenExecutor;
};

/// What is known of a worker's death: facts, never guesses.
struct Death {
  pid_t pid = 0;
  std::string host;
  int signal = 0;      // 0: it was no signal
  int exit_code = -1;  // -1: it did not exit by itself
  bool out_of_memory =
      false;  // killed by the kernel, since there was no more in the cgroup; or for:
  std::size_t memory_limit = 0;  // bytes, of Limits::memory, which it was above; 0: that is not why
  std::size_t peak_rss = 0;      // bytes
  std::chrono::nanoseconds user{}, system{};  // CPU time in its whole life
  std::string task;
  int attempt = 1;
  std::string stderr_tail;  // the last lines that it wrote, to its standard output too
  std::string backtrace;    // of a crash, as in RemoteError
  std::string lost_with{};  // its host is gone, or the way there: why; then pid is the agent's
};

/// The worker that ran the call died while it ran.
class WorkerDied : public BrokenProcessPool {
 public:
  explicit WorkerDied(Death death);
  pid_t pid() const noexcept { return death_->pid; }
  const std::string& host() const noexcept { return death_->host; }
  /// 0 when it was no signal.
  int signal() const noexcept { return death_->signal; }
  /// "SIGKILL"; empty when it was no signal.
  std::string signal_name() const;
  /// -1 when it did not exit by itself.
  int exit_code() const noexcept { return death_->exit_code; }
  bool out_of_memory() const noexcept { return death_->out_of_memory; }
  /// In bytes: Limits::memory, when it was ended for taking more. 0: that is not why.
  std::size_t memory_limit() const noexcept { return death_->memory_limit; }
  std::size_t peak_rss() const noexcept { return death_->peak_rss; }
  /// CPU time of the worker in its whole life.
  std::chrono::nanoseconds user_time() const noexcept { return death_->user; }
  std::chrono::nanoseconds system_time() const noexcept { return death_->system; }
  const std::string& task() const noexcept { return death_->task; }
  int attempt() const noexcept { return death_->attempt; }
  const std::string& stderr_tail() const noexcept { return death_->stderr_tail; }
  const std::string& backtrace() const noexcept { return death_->backtrace; }

 private:
  std::shared_ptr<const Death> death_;
};

/// "was killed by SIGKILL", "exited with code 3".
std::string describe(const Death& death);

}  // namespace flagship
