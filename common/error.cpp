// SPDX-License-Identifier: MIT
#include "flagship/error.hpp"

#include <cstring>

#include "flagship/outcome.hpp"

namespace flagship {
namespace {

std::string signal_text(int signal) {
  const char* name = sigabbrev_np(signal);
  return name != nullptr ? "SIG" + std::string(name) : "signal " + std::to_string(signal);
}

/// Each line in a line of its own after what is there already.
std::string indented(const std::string& lines) {
  std::string text;
  if (!lines.empty()) text = "\n  at ";
  for (const char c : lines) text += c == '\n' ? "\n  at " : std::string(1, c);
  return text;
}

std::string reason(const Death& death) {
  if (!death.out_of_memory) return {};
  if (death.memory_limit == 0) return ", since memory ran out";
  return ", since it took more memory than its limit of " + std::to_string(death.memory_limit) +
         " bytes";
}

std::string sentence(const Death& death) {
  std::string text = "worker process " + std::to_string(death.pid);
  if (!death.host.empty()) text += " on " + death.host;
  text += " " + describe(death);
  if (!death.task.empty()) text += " while it ran '" + death.task + "'";
  if (death.attempt > 1) text += " (attempt " + std::to_string(death.attempt) + ")";
  return text;
}

}  // namespace

const char* to_string(State state) {
  switch (state) {
    case State::pending:
      return "pending";
    case State::running:
      return "running";
    case State::cancelled:
      return "cancelled";
    case State::finished:
      return "finished";
  }
  return "unknown";
}

const char* to_string(Ending ending) {
  switch (ending) {
    case Ending::returned:
      return "returned";
    case Ending::raised:
      return "raised";
    case Ending::cancelled:
      return "cancelled";
    case Ending::timed_out:
      return "timed out";
    case Ending::worker_died:
      return "worker died";
  }
  return "unknown";
}

RemoteError::RemoteError(std::string type_name, const std::string& message, std::string backtrace)
    : Error(type_name + ": " + message + indented(backtrace)),
      details_(
          std::make_shared<Details>(Details{std::move(type_name), message, std::move(backtrace)})) {
}

std::string describe(const Death& death) {
  if (death.signal != 0) return "was killed by " + signal_text(death.signal) + reason(death);
  if (death.exit_code >= 0) return "exited with code " + std::to_string(death.exit_code);
  if (!death.lost_with.empty()) return "is gone with its host (" + death.lost_with + ")";
  return "is gone";
}

WorkerDied::WorkerDied(Death death)
    : BrokenProcessPool(sentence(death)), death_(std::make_shared<Death>(std::move(death))) {}

std::string WorkerDied::signal_name() const {
  return death_->signal != 0 ? signal_text(death_->signal) : std::string();
}

}  // namespace flagship
