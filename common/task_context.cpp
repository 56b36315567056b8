// SPDX-License-Identifier: MIT
#include "flagship/task_context.hpp"

#include <csignal>
#include <utility>

#include "common/role.hpp"

namespace flagship {
namespace {

struct RunningCall {
  int attempt = 1;
  std::optional<std::chrono::steady_clock::time_point> deadline;
  bool listening = false;  // for SIGTERM
};

thread_local RunningCall running_call;
volatile std::sig_atomic_t stop_noted = 0;  // by a signal, which belongs to the process

void take_note(int) { stop_noted = 1; }

void on_sigterm(void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  sigemptyset(&action.sa_mask);
  sigaction(SIGTERM, &action, nullptr);  // without SA_RESTART: a task that waits is to wake up
}

}  // namespace

TaskContext TaskContext::current() {
  if (!running_call.listening && detail::role() == detail::Role::worker) {
    running_call.listening = true;
    on_sigterm(take_note);
  }
  return {running_call.attempt, running_call.deadline};
}

bool TaskContext::interrupted() const { return stop_noted != 0; }

namespace detail {

CallScope::CallScope(int attempt, std::optional<std::chrono::steady_clock::time_point> deadline)
    : outer_attempt_(std::exchange(running_call.attempt, attempt)),
      outer_deadline_(std::exchange(running_call.deadline, deadline)) {}

CallScope::~CallScope() {
  running_call.attempt = outer_attempt_;
  running_call.deadline = outer_deadline_;
}

bool told_to_stop() {
  if (!running_call.listening) return false;
  running_call.listening = false;
  on_sigterm(SIG_DFL);
  return stop_noted != 0;
}

}  // namespace detail
}  // namespace flagship
