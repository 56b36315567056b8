// SPDX-License-Identifier: MIT
// Futures and promises, with the semantics of Python's concurrent.futures. A future is a copyable
// handle to shared state: safe from any thread, outlives its executor, and letting go of it neither
// cancels nor waits.
//
//   flagship::Future<int> f = pool.submit<square>(7);
//   f.add_done_callback([](flagship::Future<int> done) { std::cout << done << '\n'; });
//   int y = f.result();
#pragma once

#include <coroutine>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <ostream>
#include <stdexcept>
#include <type_traits>
#include <typeinfo>
#include <utility>
#include <variant>

#include "flagship/detail/state.hpp"
#include "flagship/error.hpp"
#include "flagship/outcome.hpp"

namespace flagship {

template <class T>
class Future;
class AnyFuture;

namespace detail {

/// Where the value of a state lies: in `Slot<T>`, empty until it has returned.
template <class T>
using Slot = std::optional<std::conditional_t<std::is_void_v<T>, std::monostate, T>>;

template <class T>
std::string type_name_of() {
  if constexpr (std::is_void_v<T>) {
    return "void";
  } else if constexpr (requires(const T& message) {
                         { message.GetTypeName() } -> std::convertible_to<std::string>;
                       }) {
    return T().GetTypeName();
  } else {
    return readable_type(typeid(T).name());
  }
}

/// A state that a promise fills in; also the base of calls that run in this process.
template <class T>
class ValueState : public StateBase {
 public:
  explicit ValueState(std::string_view name) : StateBase(name) { set_value(&slot_); }
  std::string value_type() const override { return type_name_of<T>(); }
  /// By the producer, before `finish`.
  Slot<T>& slot() { return slot_; }

 private:
  Slot<T> slot_;
};

Deadline deadline_in(duration time);
[[noreturn]] void throw_invalid_state(const StateBase& state);
[[noreturn]] void throw_cancelled(const StateBase& state);
/// Waits, then throws what the call ended with unless it returned.
void wait_for_value(const StateBase& state, Deadline deadline);
std::exception_ptr wait_for_error(const StateBase& state, Deadline deadline);
std::optional<Outcome> outcome_of(const StateBase& state);
void print(std::ostream& out, const StateBase& state);

}  // namespace detail

/// What every future can do, whatever it holds. Not for use by itself: Future<T> and AnyFuture are
/// it.
class FutureBase {
 public:
  /// Unique in this process.
  std::uint64_t id() const { return state_->id(); }
  State state() const { return state_->state(); }
  /// Finished or cancelled.
  bool done() const { return state_->done(); }
  /// Only once a worker has really begun the call.
  bool running() const { return state() == State::running; }
  bool cancelled() const { return state_->phase() == detail::Phase::cancelled; }

  /// True if the call will never run, also when it was cancelled before; false when it runs or has
  /// finished. A call that a worker holds and has not begun is taken back.
  bool cancel() { return state_->cancel(); }
  /// `cancel`, and a running call of a process pool is stopped as well: its future ends at once
  /// with CancelledError, its worker gets SIGTERM, and SIGKILL after `interrupt_grace`, and is
  /// replaced. False when the call has finished, or runs in a thread of this process.
  bool interrupt() { return state_->interrupt(); }

  /// Waits; null when the call returned, else what it threw. Throws CancelledError, never the
  /// call's own.
  std::exception_ptr exception() const { return detail::wait_for_error(*state_, {}); }
  /// The same within a time, counted from now; TimeoutError when it is up.
  std::exception_ptr exception(duration timeout) const {
    return detail::wait_for_error(*state_, detail::deadline_in(timeout));
  }

  /// Nothing yet, or how it ended: no exception, no wait.
  std::optional<Outcome> try_outcome() const { return detail::outcome_of(*state_); }

  friend bool operator==(const FutureBase& a, const FutureBase& b) {
    return a.state_.get() == b.state_.get();
  }
  friend std::ostream& operator<<(std::ostream& out, const FutureBase& future) {
    detail::print(out, *future.state_);
    return out;
  }

  detail::StateBase& shared_state() const { return *state_; }

 protected:
  explicit FutureBase(detail::Ref<detail::StateBase> state) : state_(std::move(state)) {}
  detail::Ref<detail::StateBase> state_;
};

namespace detail {

template <class Handle, class F>
class HandleCallback final : public Callback {
 public:
  HandleCallback(When when, F&& function) : Callback(when), function_(std::move(function)) {}
  void run(StateBase& state) override { function_(Handle(Ref<StateBase>(&state))); }

 private:
  F function_;
};

template <class Handle, class F>
std::unique_ptr<Callback> make_callback(Callback::When when, F&& function) {
  using Kept = std::decay_t<F>;
  return std::make_unique<HandleCallback<Handle, Kept>>(when, Kept(std::forward<F>(function)));
}

}  // namespace detail

/// The result of a call that returns T, or will.
template <class T>
class Future : public FutureBase {
 public:
  using value_type = T;
  explicit Future(detail::Ref<detail::StateBase> state) : FutureBase(std::move(state)) {}

  /// Waits for the value; every time the same one. Rethrows what the call threw; CancelledError
  /// when it was cancelled.
  decltype(auto) result() const& { return value_within({}); }
  /// TimeoutError when the time, counted from now, is up; the call goes on.
  decltype(auto) result(duration timeout) const& {
    return value_within(detail::deadline_in(timeout));
  }
  /// From a temporary: by value.
  T result() && { return taken_within({}); }
  T result(duration timeout) && { return taken_within(detail::deadline_in(timeout)); }

  /// `function(Future<T>)` runs once, in the order added, in the thread that completes the future,
  /// outside all locks; at once, in this thread, when it is done already. What it throws is logged
  /// and dropped.
  template <class F>
  void add_done_callback(F&& function) {
    state_->add_callback(
        detail::make_callback<Future>(detail::Callback::When::done, std::forward<F>(function)));
  }
  /// Likewise when a worker has begun the call; never when it ends without having been seen
  /// running. A pool of processes reports beginnings of calls made
  /// `with(CallOptions{.notify_running = true})`.
  template <class F>
  void add_running_callback(F&& function) {
    state_->add_callback(
        detail::make_callback<Future>(detail::Callback::When::running, std::forward<F>(function)));
  }

  /// `co_await future` resumes with `result()`, in the thread that completes it.
  auto operator co_await() const {
    struct Awaiter {
      Future future;
      bool await_ready() const { return future.done(); }
      void await_suspend(std::coroutine_handle<> waiting) {
        future.add_done_callback([waiting](const Future&) { waiting.resume(); });
      }
      T await_resume() { return std::move(future).result(); }
    };
    return Awaiter{*this};
  }

 private:
  decltype(auto) value_within(detail::Deadline deadline) const {
    detail::wait_for_value(*state_, deadline);
    if constexpr (!std::is_void_v<T>) {
      const T& value = **static_cast<const detail::Slot<T>*>(state_->value());
      return (value);
    }
  }

  T taken_within(detail::Deadline deadline) {
    detail::wait_for_value(*state_, deadline);
    if constexpr (!std::is_void_v<T>) {
      auto& slot =
          *const_cast<detail::Slot<T>*>(static_cast<const detail::Slot<T>*>(state_->value()));
      if constexpr (std::is_copy_constructible_v<T>) {
        if (!state_->unique()) return *slot;  // somebody else may read it yet
      }
      return std::move(*slot);
    }
  }
};

/// A future of any type, without its result: for mixing futures in `wait` and `as_completed`.
class AnyFuture : public FutureBase {
 public:
  template <class T>
  AnyFuture(const Future<T>& future)
      : FutureBase(detail::Ref<detail::StateBase>(&future.shared_state())) {}
  explicit AnyFuture(detail::Ref<detail::StateBase> state) : FutureBase(std::move(state)) {}

  template <class F>
  void add_done_callback(F&& function) {
    state_->add_callback(
        detail::make_callback<AnyFuture>(detail::Callback::When::done, std::forward<F>(function)));
  }
};

/// The producing end of a future: for tests, and for authors of executors. One producer at a time;
/// movable. Let go of without a result, its future ends with BrokenPromise.
template <class T>
class Promise {
 public:
  explicit Promise(std::string_view name = "promise")
      : state_(detail::Ref<detail::ValueState<T>>::adopt(new detail::ValueState<T>(name))) {}
  Promise(Promise&&) noexcept = default;
  Promise& operator=(Promise&& other) noexcept {
    Promise(std::move(other)).state_.swap(state_);
    return *this;
  }
  ~Promise() {
    if (state_ && !state_->done())
      state_->finish(Ending::raised, std::make_exception_ptr(BrokenPromise()));
  }

  Future<T> future() const { return Future<T>(state_); }

  /// True: the call may run, and the future is running now. False: it was cancelled, and must not
  /// run. On any other state InvalidStateError.
  bool set_running_or_notify_cancel() { return state_->start_running(); }

  /// InvalidStateError when the future is done; the first result stands.
  template <class... V>
  void set_result(V&&... value) {
    check_not_done();
    state_->slot().emplace(std::forward<V>(value)...);
    if (!state_->finish(Ending::returned, nullptr)) detail::throw_invalid_state(*state_);
  }
  /// Likewise; std::invalid_argument for no exception at all.
  void set_exception(std::exception_ptr error) {
    if (error == nullptr) throw std::invalid_argument("a promise was given a null exception");
    check_not_done();
    if (!state_->finish(Ending::raised, std::move(error))) detail::throw_invalid_state(*state_);
  }
  template <class E>
  requires(!std::is_same_v<std::decay_t<E>, std::exception_ptr>) void set_exception(E&& error) {
    set_exception(std::make_exception_ptr(std::forward<E>(error)));
  }

 private:
  void check_not_done() const {
    if (state_->done()) detail::throw_invalid_state(*state_);
  }
  detail::Ref<detail::ValueState<T>> state_;
};

}  // namespace flagship

template <class T>
struct std::hash<flagship::Future<T>> {
  std::size_t operator()(const flagship::Future<T>& future) const noexcept {
    return std::hash<const void*>()(&future.shared_state());
  }
};
template <>
struct std::hash<flagship::AnyFuture> {
  std::size_t operator()(const flagship::AnyFuture& future) const noexcept {
    return std::hash<const void*>()(&future.shared_state());
  }
};
