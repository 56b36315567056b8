// SPDX-License-Identifier: MIT
#include "flagship/detail/state.hpp"

#include <cstdio>

#include "common/type_name.hpp"
#include "flagship/error.hpp"

namespace flagship::detail {
namespace {

std::uint64_t next_id() {
  static std::atomic<std::uint64_t> last{0};
  return last.fetch_add(1, std::memory_order_relaxed) + 1;
}

/// One thread that waits for one state.
class ThreadWatcher final : public Watcher {
 public:
  void completed(Watch&) noexcept override {
    const std::lock_guard lock(mutex_);
    done_ = true;
    condition_.notify_one();
  }
  bool wait(Deadline deadline) {
    std::unique_lock lock(mutex_);
    if (deadline) return condition_.wait_until(lock, *deadline, [this] { return done_; });
    condition_.wait(lock, [this] { return done_; });
    return true;
  }

 private:
  std::mutex mutex_;
  std::condition_variable condition_;
  bool done_ = false;
};

}  // namespace

StateBase::StateBase(std::string_view name) : id_(next_id()), name_(name) {}
StateBase::~StateBase() = default;

void StateBase::own_name(std::string name) {
  own_name_ = std::make_unique<std::string>(std::move(name));
  name_ = *own_name_;
}

State StateBase::state() const {
  const std::lock_guard lock(mutex_);
  return state_now();
}

State StateBase::state_now() const {
  switch (phase()) {
    case Phase::held:
      return begun() ? State::running : State::pending;
    case Phase::running:
      return State::running;
    case Phase::cancelled:
      return State::cancelled;
    case Phase::finished:
      return State::finished;
    case Phase::pending:
      break;
  }
  return State::pending;
}

bool StateBase::cancel() { return cancel(false); }
bool StateBase::interrupt() { return cancel(true); }

bool StateBase::cancel(bool stop_running) {
  Callbacks callbacks;
  std::shared_ptr<Waker> waker;
  {
    const std::lock_guard lock(mutex_);
    Phase seen = Phase::pending;
    Left left = Left::cancelled;
    if (!phase_.compare_exchange_strong(seen, Phase::cancelled, std::memory_order_acq_rel)) {
      if (seen == Phase::cancelled) return true;
      if (seen != Phase::held) return false;
      if (!recall()) {
        if (!stop_running || !stop()) return false;
        left = Left::stopped;
      }
    }
    ending_ = Ending::cancelled;
    waker = leave(left);
    callbacks = complete(Phase::cancelled);
  }
  if (waker) waker->wake();
  run(std::move(callbacks), Callback::When::done);
  return true;
}

bool StateBase::cancel_by_owner() {
  Callbacks callbacks;
  {
    const std::lock_guard lock(mutex_);
    if (done()) return false;
    ending_ = Ending::cancelled;
    callbacks = complete(Phase::cancelled);
  }
  run(std::move(callbacks), Callback::When::done);
  return true;
}

bool StateBase::finish(Ending ending, std::exception_ptr error, Facts facts) {
  Callbacks callbacks;
  {
    const std::lock_guard lock(mutex_);
    if (done()) return false;
    ending_ = ending;
    error_ = std::move(error);
    facts_ = std::move(facts);
    callbacks = complete(Phase::finished);
  }
  if (callbacks) run(std::move(callbacks), Callback::When::done);
  return true;
}

// Under the lock. Watchers are told here, so that one that stops watching is never told afterwards.
StateBase::Callbacks StateBase::complete(Phase phase) {
  phase_.store(phase, std::memory_order_release);
  for (Watch* watch = watches_; watch != nullptr;) {
    Watch* const next = watch->next;
    watch->linked = false;
    watch->watcher->completed(*watch);
    watch = next;
  }
  watches_ = nullptr;
  last_callback_ = nullptr;
  return std::move(callbacks_);
}

void StateBase::run(Callbacks callbacks, Callback::When when) {
  const Ref<StateBase> alive(this);
  while (callbacks) {
    const Callbacks callback = std::move(callbacks);
    callbacks = std::move(callback->next);
    if (callback->when() != when) continue;
    try {
      callback->run(*this);
    } catch (...) {
      log_dropped_exception("a callback of a future");
    }
  }
}

bool StateBase::wait(Deadline deadline) const {
  if (done()) return true;
  if (deadline && *deadline <= Clock::now()) return false;
  StateBase& self = const_cast<StateBase&>(*this);
  ThreadWatcher watcher;
  Watch watch;
  watch.watcher = &watcher;
  if (!self.watch(watch)) return true;
  if (watcher.wait(deadline)) {
    self.unwatch(watch);  // waits until the completer has let go of the lock, and so of the watcher
    return true;
  }
  self.unwatch(watch);
  return done();
}

bool StateBase::watch(Watch& watch) {
  const std::lock_guard lock(mutex_);
  if (done()) return false;
  watch.previous = nullptr;
  watch.next = watches_;
  if (watches_ != nullptr) watches_->previous = &watch;
  watches_ = &watch;
  watch.linked = true;
  return true;
}

void StateBase::unwatch(Watch& watch) {
  const std::lock_guard lock(mutex_);
  if (!watch.linked) return;
  if (watch.previous != nullptr)
    watch.previous->next = watch.next;
  else
    watches_ = watch.next;
  if (watch.next != nullptr) watch.next->previous = watch.previous;
  watch.linked = false;
}

void StateBase::add_callback(std::unique_ptr<Callback> callback) {
  bool now = false;
  {
    const std::lock_guard lock(mutex_);
    const bool at_done = callback->when() == Callback::When::done;
    now = at_done ? done() : state_now() == State::running;
    if (!now) {
      Callback* const added = callback.get();
      (last_callback_ != nullptr ? last_callback_->next : callbacks_) = std::move(callback);
      last_callback_ = added;
    }
  }
  if (now) {
    const Callback::When when = callback->when();
    run(std::move(callback), when);
  }
}

std::optional<bool> StateBase::first_seen(std::uint64_t tag) {
  const std::lock_guard lock(mutex_);
  if (tag_ == 0) {
    tag_ = tag;
    return true;
  }
  if (tag_ == tag) return false;
  return std::nullopt;
}

bool StateBase::start_running() {
  Phase seen = Phase::pending;
  if (phase_.compare_exchange_strong(seen, Phase::running, std::memory_order_acq_rel)) {
    tell_running();
    return true;
  }
  if (seen == Phase::cancelled) return false;
  throw InvalidStateError("future " + std::to_string(id_) + " is in the state " +
                          to_string(state()) + ", not pending");
}

bool StateBase::hand_over() {
  Phase seen = Phase::pending;
  return phase_.compare_exchange_strong(seen, Phase::held, std::memory_order_acq_rel);
}

bool StateBase::take_back() {
  const std::lock_guard lock(mutex_);
  if (phase() != Phase::held || !recall()) return false;
  phase_.store(Phase::pending, std::memory_order_release);
  return true;
}

bool StateBase::return_to_pending() {
  const std::lock_guard lock(mutex_);
  Phase seen = Phase::held;
  return phase_.compare_exchange_strong(seen, Phase::pending, std::memory_order_acq_rel);
}

void StateBase::tell_running() {
  Callbacks running;
  {
    const std::lock_guard lock(mutex_);
    if (!callbacks_) return;
    Callbacks all = std::move(callbacks_);
    last_callback_ = nullptr;
    Callback* last_running = nullptr;
    while (all) {
      Callbacks one = std::move(all);
      all = std::move(one->next);
      const bool done_later = one->when() == Callback::When::done;
      Callback*& last = done_later ? last_callback_ : last_running;
      Callbacks& first = done_later ? callbacks_ : running;
      Callback* const added = one.get();
      (last != nullptr ? last->next : first) = std::move(one);
      last = added;
    }
  }
  run(std::move(running), Callback::When::running);
}

// ---- CompletionQueue
// -----------------------------------------------------------------------------

void CompletionQueue::add(Watch& watch, Ref<StateBase> state) {
  watch.watcher = this;
  watch.state = std::move(state);
  if (!watch.state->watch(watch)) completed(watch);
}

void CompletionQueue::completed(Watch& watch) noexcept {
  std::shared_ptr<std::condition_variable> waiting;
  {
    const std::lock_guard lock(mutex_);
    watch.next = nullptr;
    (last_ != nullptr ? last_->next : first_) = &watch;
    last_ = &watch;
    if (std::exchange(waiting_, false)) waiting = condition_;
  }
  if (waiting) waiting->notify_one();
}

Watch* CompletionQueue::take(Deadline deadline) {
  std::unique_lock lock(mutex_);
  while (first_ == nullptr) {
    if (std::exchange(interrupted_, false)) return nullptr;
    if (deadline && *deadline <= Clock::now()) return nullptr;
    waiting_ = true;
    if (!deadline) {
      condition_->wait(lock);
    } else if (condition_->wait_until(lock, *deadline) == std::cv_status::timeout &&
               first_ == nullptr) {
      waiting_ = false;
      return nullptr;
    }
  }
  waiting_ = false;
  Watch* const watch = std::exchange(first_, first_->next);
  if (first_ == nullptr) last_ = nullptr;
  watch->next = nullptr;
  return watch;
}

void CompletionQueue::interrupt() {
  const std::lock_guard lock(mutex_);
  interrupted_ = true;
  condition_->notify_one();
}

void log_dropped_exception(std::string_view where) noexcept {
  try {
    throw;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "flagship: %.*s threw: %s\n", static_cast<int>(where.size()), where.data(),
                 error.what());
  } catch (...) {
    std::fprintf(stderr, "flagship: %.*s threw something that is not a std::exception\n",
                 static_cast<int>(where.size()), where.data());
  }
}

std::uint64_t next_tag() {
  static std::atomic<std::uint64_t> last{0};
  return last.fetch_add(1, std::memory_order_relaxed) + 1;
}

std::string readable_type(const char* mangled) { return demangle(mangled); }

}  // namespace flagship::detail
