// SPDX-License-Identifier: MIT
// A submitted call: a state, and what is needed to run it, in this process or in a worker.
#pragma once

#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "flagship/detail/state.hpp"
#include "flagship/future.hpp"
#include "flagship/options.hpp"
#include "flagship/serializer.hpp"
#include "flagship/task_context.hpp"

namespace flagship {
class ClaimPlace;
}

namespace flagship::detail {

/// A call that runs in this process.
class LocalCall {
 public:
  virtual ~LocalCall() = default;
  /// Runs it unless it was cancelled, and ends its future.
  virtual void run() noexcept = 0;
  virtual StateBase& state() = 0;
};

template <class R, class F>
class LocalCallOf final : public ValueState<R>, public LocalCall {
 public:
  LocalCallOf(std::string_view name, F&& function, int retries)
      : ValueState<R>(name), function_(std::move(function)), retries_(retries) {}

  StateBase& state() override { return *this; }

  void run() noexcept override {
    const auto submitted_to_start = Clock::now() - submitted_;
    if (!this->start_running()) return function_.reset();
    for (int attempt = 1;; ++attempt) {
      const auto begin = Clock::now();
      const CallScope scope(attempt);
      Facts facts;
      facts.attempt = attempt;
      facts.queued = submitted_to_start;
      try {
        if constexpr (std::is_void_v<R>) {
          (*function_)();
          this->slot().emplace();
        } else {
          this->slot().emplace((*function_)());
        }
        facts.wall = Clock::now() - begin;
        function_.reset();
        this->finish(Ending::returned, nullptr, std::move(facts));
        return;
      } catch (...) {
        if (attempt <= retries_) continue;
        facts.wall = Clock::now() - begin;
        function_.reset();
        this->finish(Ending::raised, std::current_exception(), std::move(facts));
        return;
      }
    }
  }

 private:
  std::optional<F> function_;  // and its arguments: let go of when it has run, or never will
  int retries_;
  Clock::time_point submitted_ = Clock::now();
};

/// Where callers leave messages for the pool's loop.
class Mailbox;

/// A call for a worker process. What is not said to be the loop's is set once, before it is
/// submitted.
class RemoteCall : public StateBase {
 public:
  using StateBase::StateBase;

  std::uint64_t function = 0;
  std::string payload;  // the loop's after submission
  std::shared_ptr<const std::string>
      large_payload;  // where the loop moves one that travels by itself
  int priority = 0;
  int retries = 0;
  duration timeout{};                 // of running time; zero: the pool's
  std::uint32_t attempts_before = 0;  // elsewhere
  bool notify = false;
  Mailbox* mailbox = nullptr;  // outlives every call that is not done

  // The loop's.
  std::uint32_t task = 0;
  std::uint32_t stamp = 0;
  ClaimPlace* place = nullptr;  // while held
  Clock::time_point accepted{};
  Clock::time_point assigned{};

  /// Makes the value from a result's bytes; throws what reading throws.
  virtual void read_result(std::string_view bytes) = 0;
  /// Whoever passes calls on to another pool takes the worker's answer as it came, when that is no
  /// value; `ending` is a wire::CallEnding. True: taken.
  virtual bool take_answer(std::uint8_t, std::string_view) { return false; }
  /// The loop's, before it ends a call whose worker died or was stopped: what that had noted of it.
  virtual void salvage(std::string_view) {}
  /// Whether its arguments are to outlive its end.
  virtual bool keeps_arguments() const { return false; }
  /// The loop's: running -> stopped in the claim page, false when it ended first. Its future is the
  /// caller's to end.
  bool stop_running() { return stop(); }

 protected:
  bool begun() const override;
  bool recall() override;
  bool stop() override;
  std::shared_ptr<Waker> leave(Left) override;
};

template <class R>
class RemoteCallOf final : public RemoteCall {
 public:
  explicit RemoteCallOf(std::string_view name) : RemoteCall(name) { set_value(&slot_); }
  std::string value_type() const override { return type_name_of<R>(); }
  void read_result(std::string_view bytes) override {
    if constexpr (std::is_void_v<R>) {
      slot_.emplace();
    } else {
      Reader in(bytes);
      R value = in.get<R>();
      if (in.left() > 0) throw SerializationError("the result is of another type than asked for");
      slot_.emplace(std::move(value));
    }
  }

 private:
  Slot<R> slot_;
};

/// What executors do with calls. Safe from any thread.
class ExecutorCore {
 public:
  virtual ~ExecutorCore() = default;
  /// Which of the two `submit`s it takes.
  virtual bool in_process() const = 0;
  /// Throws ShutdownError or BrokenExecutor; everything else about a call is in its future.
  virtual void submit(std::shared_ptr<LocalCall> call);
  virtual void submit(Ref<RemoteCall> call);
  virtual std::size_t max_message_bytes() const { return ~std::size_t{0}; }
  /// Of calls without one of their own; zero: none.
  virtual duration task_timeout() const { return {}; }
  virtual void shutdown(const ShutdownOptions& options) = 0;
  /// Sends `signal` to every worker process and takes no more calls.
  virtual void terminate(int signal) = 0;
  virtual PoolStatus status() const = 0;
};

/// Throws std::invalid_argument for what makes no sense.
void check(const CallOptions& options);
[[noreturn]] void throw_too_large(const char* what, std::size_t bytes, std::size_t most);
/// Runs a named task of this executable in this process; `payload` is its written arguments, the
/// result is written into what is returned. UnknownTask when there is none.
std::string run_named_task(const std::string& name, const std::string& payload);

template <class R>
R run_named(const std::string& name, const std::string& payload) {
  const std::string result = run_named_task(name, payload);
  if constexpr (!std::is_void_v<R>) {
    Reader in(result);
    return in.get<R>();
  }
}

}  // namespace flagship::detail
