// SPDX-License-Identifier: MIT
// What a task can ask of the call that it is running in. In the thread of that call only.
#pragma once

#include <chrono>
#include <optional>

namespace flagship {

/// The call that this thread is running, as far as it may matter to it:
///
///   long sum_until_stopped() {
///     const auto context = flagship::TaskContext::current();
///     long sum = 0;
///     while (!context.interrupted()) sum += more();
///     return sum;
///   }
///
/// A task that has asked for its context is given the time of `interrupt_grace` to end when it is
/// interrupted, runs out of time, or its workers are terminated; what it returns then is dropped.
/// Any other ends at once, by SIGTERM.
class TaskContext {
 public:
  /// Outside of a call: a first attempt without a deadline, never interrupted.
  static TaskContext current();

  /// 1 for the first time that the call is made, also when a worker that ran it died.
  int attempt() const { return attempt_; }
  /// When it will be stopped; nothing: never.
  std::optional<std::chrono::steady_clock::time_point> deadline() const { return deadline_; }
  /// Whether it was told to stop. System calls that wait are ended by it with EINTR. Always false
  /// in threads of the program itself.
  bool interrupted() const;

 private:
  TaskContext(int attempt, std::optional<std::chrono::steady_clock::time_point> deadline)
      : attempt_(attempt), deadline_(deadline) {}

  int attempt_;
  std::optional<std::chrono::steady_clock::time_point> deadline_;
};

namespace detail {

/// For whoever runs calls: what `current` answers in this thread meanwhile.
class CallScope {
 public:
  explicit CallScope(int attempt,
                     std::optional<std::chrono::steady_clock::time_point> deadline = {});
  ~CallScope();
  CallScope(const CallScope&) = delete;
  CallScope& operator=(const CallScope&) = delete;

 private:
  const int outer_attempt_;
  const std::optional<std::chrono::steady_clock::time_point> outer_deadline_;
};

/// After a worker's call: true when the process was told to go while the task could know of it.
bool told_to_stop();

}  // namespace detail
}  // namespace flagship
