// SPDX-License-Identifier: MIT
#include "worker/runtime/call_runner.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <exception>

#include "common/throw_trace.hpp"
#include "common/wire/raised.hpp"
#include "flagship/task.hpp"
#include "flagship/task_context.hpp"

namespace flagship::worker {
namespace {

constexpr std::chrono::nanoseconds kWorthMeasuring = std::chrono::microseconds(100);

std::chrono::nanoseconds duration_of(const timeval& time) {
  return std::chrono::seconds(time.tv_sec) + std::chrono::microseconds(time.tv_usec);
}

/// CPU time since the last sample. Short calls in between are not worth one: a sample costs more
/// than they do.
class CpuMeter {
 public:
  CpuMeter() { getrusage(RUSAGE_SELF, &last_); }
  wire::Usage since_last(std::chrono::nanoseconds wall) {
    rusage now{};
    getrusage(RUSAGE_SELF, &now);
    wire::Usage usage;
    usage.wall = wall;
    usage.user = duration_of(now.ru_utime) - duration_of(last_.ru_utime);
    usage.system = duration_of(now.ru_stime) - duration_of(last_.ru_stime);
    usage.peak_rss = static_cast<std::uint64_t>(now.ru_maxrss) * 1024;
    last_ = now;
    return usage;
  }

 private:
  rusage last_{};
};

class CallRunner {
 public:
  explicit CallRunner(Session& session) : session_(session) {}

  void run() {
    while (!session_.draining() && !stopped_) {
      if (!session_.receive(false)) {
        session_.flush();
        session_.receive(true);
      }
      if (const auto call = session_.take_initializer(); call && !initialize(*call)) return;
      run_message();
    }
    session_.flush();
  }

 private:
  /// False when it threw, which was said: this worker is no use.
  bool initialize(const wire::AssignedCall& call) {
    const wire::CallEnding ending = invoke(call);
    if (ending == wire::CallEnding::returned) {
      session_.say_set_up();
      return true;
    }
    const std::string why = ending == wire::CallEnding::unknown_function
                                ? "it is not in the worker's executable"
                                : "it threw " + wire::describe_packed(result_);
    session_.say_bye("the initializer failed: " + why);
    return false;
  }

  void run_message() {
    last_ = Clock::now();
    // Half of what came together is enough to go home together: the supervisor can refill while the
    // rest runs.
    const std::size_t enough = std::max<std::size_t>(1, session_.calls_in_message() / 2);
    while (!stopped_) {
      const auto call = session_.next();
      if (!call) return;
      if (!session_.begin(*call, last_)) continue;
      run_one(*call);
      session_.flush_if_due(last_, enough);
    }
  }

  void run_one(const wire::AssignedCall& call) {
    const auto timeout = session_.timeout_of(call);
    const detail::CallScope scope(
        static_cast<int>(call.attempt),
        timeout.count() > 0 ? std::optional(last_ + timeout) : std::nullopt);
    detail::ChunkNotes::begin_call(session_.notes(), call.ticket);
    const wire::CallEnding ending = invoke(call);
    if (detail::told_to_stop()) stopped_ = true;
    const Clock::time_point now = Clock::now();
    const auto wall = now - last_;
    last_ = now;
    std::optional<wire::Usage> usage;
    if (wall >= kWorthMeasuring) usage = cpu_.since_last(wall);
    if (!session_.finish(call, ending, result_, wall, usage ? &*usage : nullptr)) stopped_ = true;
  }

  wire::CallEnding invoke(const wire::AssignedCall& call) {
    result_.clear();
    const detail::Task* const task = find(call.function);
    if (task == nullptr) return wire::CallEnding::unknown_function;
    Reader in(call.payload);
    Writer out(result_);
    detail::ThrowTrace trace(task->name);  // until what was thrown is packed
    try {
      task->invoke(in, out);
      return wire::CallEnding::returned;
    } catch (const detail::BadArguments& bad) {
      result_ = wire::pack_exception(std::make_exception_ptr(SerializationError(bad.what)));
      return wire::CallEnding::bad_arguments;
    } catch (...) {
      result_ = wire::pack_exception(std::current_exception());
      return wire::CallEnding::raised;
    }
  }

  const detail::Task* find(std::uint64_t function) {
    if (task_ == nullptr || task_->key != function) task_ = detail::find_task(function);
    return task_;
  }

  Session& session_;
  CpuMeter cpu_;
  const detail::Task* task_ = nullptr;  // the last one: usually the next one too
  std::string result_;
  Clock::time_point last_{};
  bool stopped_ = false;  // it was told to go while it ran a call
};

}  // namespace

void run_calls(Session& session) { CallRunner(session).run(); }

}  // namespace flagship::worker
