// SPDX-License-Identifier: MIT
// What futures share: the state of one call. Safe from any thread. Counted by the futures, the
// executor and whoever waits; it outlives its executor.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "flagship/detail/ref.hpp"
#include "flagship/outcome.hpp"

namespace flagship::detail {

using Clock = std::chrono::steady_clock;
using Deadline = std::optional<Clock::time_point>;  // nothing: none

class StateBase;
class Watcher;

/// A watcher's place in the list of one state.
struct Watch {
  Watch* previous = nullptr;
  Watch* next = nullptr;
  Watcher* watcher = nullptr;
  Ref<StateBase> state;
  bool linked = false;
};

/// Is told of completions. `completed` runs under the state's lock, so it must not touch another
/// state.
class Watcher {
 public:
  virtual void completed(Watch& watch) noexcept = 0;

 protected:
  ~Watcher() = default;
};

/// Something to run once, outside all locks.
class Callback {
 public:
  enum class When : std::uint8_t { running, done };
  explicit Callback(When when) : when_(when) {}
  virtual ~Callback() = default;
  virtual void run(StateBase& state) = 0;
  When when() const { return when_; }
  std::unique_ptr<Callback> next;

 private:
  When when_;
};

/// Which process a call ran in.
struct Place {
  std::string host;
  pid_t pid = 0;
  int worker = -1;
  std::string backtrace{};  // of what a call threw there, which has a place of its own then
};

struct Facts {
  std::shared_ptr<const Place> place;
  int attempt = 1;
  duration queued{}, wall{}, user{}, system{};
  std::size_t peak_rss = 0;
};

/// `held`: given to a worker, which may or may not have begun it; `begun()` knows.
enum class Phase : std::uint8_t { pending, held, running, cancelled, finished };

class StateBase {
 public:
  /// `name` must outlive the state, unless `own_name` makes it the state's.
  explicit StateBase(std::string_view name);
  StateBase(const StateBase&) = delete;
  StateBase& operator=(const StateBase&) = delete;

  void add_ref() const { references_.fetch_add(1, std::memory_order_relaxed); }
  void release() const {
    if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
  }
  bool unique() const { return references_.load(std::memory_order_acquire) == 1; }

  std::uint64_t id() const { return id_; }
  std::string_view name() const { return name_; }
  void own_name(std::string name);

  Phase phase() const { return phase_.load(std::memory_order_acquire); }
  bool done() const { return phase() >= Phase::cancelled; }
  State state() const;

  bool cancel();
  /// `cancel`, and where that comes too late: stops it where its executor can. False when it ends
  /// by itself.
  bool interrupt();
  /// False when the deadline passed first.
  bool wait(Deadline deadline = {}) const;

  // Once finished, these never change.
  const std::exception_ptr& error() const { return error_; }
  Ending ending() const { return ending_; }
  const Facts& facts() const { return facts_; }
  const void* value() const { return value_; }

  void add_callback(std::unique_ptr<Callback> callback);
  /// Links the watch, or says false: already done.
  bool watch(Watch& watch);
  void unwatch(Watch& watch);
  /// True the first time that the holder of `tag` (unique, not 0) sees this state; nothing when
  /// another got it first and the holder must remember for itself.
  std::optional<bool> first_seen(std::uint64_t tag);

  // ---- the producer's side ----
  /// pending -> running; false when it was cancelled. Any other state: InvalidStateError.
  bool start_running();
  /// pending -> held; false when it was cancelled.
  bool hand_over();
  /// Takes it back from a worker that has not begun it: held -> pending, in one step for whoever
  /// cancels meanwhile.
  bool take_back();
  /// held -> pending, for another worker; false when it was cancelled. After it, and after
  /// `take_back`, `begun` and `recall` are not called until the next `hand_over`.
  bool return_to_pending();
  /// Runs the running callbacks.
  void tell_running();
  /// The value, if any, is in place. False when it was done already: the first verdict stands.
  bool finish(Ending ending, std::exception_ptr error, Facts facts = {});
  /// Ends it as cancelled whatever it was doing, unless it is done.
  bool cancel_by_owner();

  virtual std::string value_type() const = 0;

 protected:
  virtual ~StateBase();
  void set_value(const void* value) { value_ = value; }
  State state_now() const;  // under the lock
  // While held, under the lock:
  virtual bool begun() const { return false; }
  virtual bool recall() { return false; }
  /// True: it was running, and will never deliver.
  virtual bool stop() { return false; }
  /// Tells the executor, under the lock, that a caller cancelled, or stopped; what is returned is
  /// woken outside it.
  enum class Left : std::uint8_t { cancelled, stopped };
  virtual std::shared_ptr<class Waker> leave(Left) { return nullptr; }

 private:
  using Callbacks = std::unique_ptr<Callback>;
  bool cancel(bool stop_running);
  Callbacks complete(Phase phase);
  void run(Callbacks callbacks, Callback::When when);

  mutable std::atomic<std::uint32_t> references_{1};
  std::atomic<Phase> phase_{Phase::pending};
  Ending ending_ = Ending::returned;
  const std::uint64_t id_;
  std::string_view name_;
  std::unique_ptr<std::string> own_name_;
  const void* value_ = nullptr;
  std::exception_ptr error_;
  Facts facts_;

  mutable std::mutex mutex_;  // guards what follows, and what `begun` and `recall` read
  Watch* watches_ = nullptr;
  Callbacks callbacks_;
  Callback* last_callback_ = nullptr;
  std::uint64_t tag_ = 0;
};

/// Wakes whoever owns it; may outlive it.
class Waker {
 public:
  virtual ~Waker() = default;
  virtual void wake() noexcept = 0;
};

/// Gathers completed states in the order in which they completed.
class CompletionQueue final : public Watcher {
 public:
  CompletionQueue() = default;
  CompletionQueue(const CompletionQueue&) = delete;
  CompletionQueue& operator=(const CompletionQueue&) = delete;

  /// The watch must stay where it is until `take` has returned it or `forget` was called.
  void add(Watch& watch, Ref<StateBase> state);
  /// The next one that completed; null when the deadline passed, or when `interrupt` was called
  /// meanwhile.
  Watch* take(Deadline deadline);
  void forget(Watch& watch) { watch.state->unwatch(watch); }
  /// Makes a `take` that waits, or the next one that would, return null.
  void interrupt();

 private:
  void completed(Watch& watch) noexcept override;

  // Notified without the lock, which who waits takes first thing; the queue may be gone by then.
  const std::shared_ptr<std::condition_variable> condition_ =
      std::make_shared<std::condition_variable>();
  std::mutex mutex_;        // guards what follows
  Watch* first_ = nullptr;  // completed, not taken: linked by `next`
  Watch* last_ = nullptr;
  bool waiting_ = false;
  bool interrupted_ = false;
};

/// Where what a callback threw goes: one line on stderr.
void log_dropped_exception(std::string_view where) noexcept;

/// "int", "std::string", "flagship.v1.FetchResult".
std::string readable_type(const char* mangled);

/// Never 0, never the same twice.
std::uint64_t next_tag();

}  // namespace flagship::detail
