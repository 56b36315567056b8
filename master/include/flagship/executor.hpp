// SPDX-License-Identifier: MIT
// What all executors can do: one interface, so that a test or a debugger can swap one for another.
// Safe from any thread.
#pragma once

#include <concepts>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

#include "flagship/detail/call.hpp"
#include "flagship/future.hpp"
#include "flagship/map.hpp"
#include "flagship/options.hpp"
#include "flagship/task.hpp"

namespace flagship {

namespace detail {
template <class... A>
inline constexpr bool ends_in_options = false;
template <class First, class... Rest>
inline constexpr bool ends_in_options<First, Rest...> = ends_in_options<Rest...>;
template <class Last>
inline constexpr bool ends_in_options<Last> = std::is_same_v<std::remove_cvref_t<Last>, MapOptions>;
}  // namespace detail

/// The calls of an executor, or of a view of one. Not for use by itself.
class Submitter {
 public:
  /// Schedules F(args...) and returns its future; never waits for a busy pool; first come, first
  /// served. F is a function or a captureless lambda. Throws ShutdownError and BrokenExecutor only.
  template <auto F, class... A>
  Future<detail::result_of<F>> submit(A&&... args) const {
    if constexpr (detail::takes<F, A...>()) {
      return submit_fitting<F>(std::forward<A>(args)...);
    } else {
      std::abort();  // never compiled
    }
  }

 private:
  template <auto F, class... A>
  Future<detail::result_of<F>> submit_fitting(A&&... args) const {
    using R = detail::result_of<F>;
    using Arguments = detail::arguments_of<F>;
    const std::uint64_t key = detail::task_key<F>();
    if (core_->in_process()) {
      return local<R>(detail::display_name<F>(),
                      [arguments = Arguments(std::forward<A>(args)...)]() mutable -> R {
                        return detail::call_again<F>(arguments);
                      });
    }
    return remote<R>(key, detail::display_name<F>(),
                     [&](Writer& out) { write<Arguments>(out, std::forward<A>(args)...); });
  }

 public:
  /// The same for a task that FLAGSHIP_TASK named, in this executable or the worker's. Converts
  /// nothing: the types given are the types sent. A name that no worker knows: UnknownTask in the
  /// future.
  template <class R, class... A>
  Future<R> submit_named(std::string_view name, A&&... args) const {
    if (core_->in_process()) {
      std::string payload;
      Writer out(payload);
      (out.put(static_cast<const std::decay_t<A>&>(args)), ...);
      return local<R>(
          name,
          [task = std::string(name), payload = std::move(payload)]() -> R {
            return detail::run_named<R>(task, payload);
          },
          true);
    }
    return remote<R>(
        detail::key_of(name), name,
        [&](Writer& out) { (out.put(static_cast<const std::decay_t<A>&>(args)), ...); }, true);
  }

  /// F over the items of one or more input ranges, zipped, in the order of the input: see MapRange.
  /// The last argument may be a MapOptions. Throws as `submit` does, and std::invalid_argument for
  /// options that make no sense.
  template <auto F, class... A>
  auto map(A&&... arguments) const {
    if constexpr (detail::ends_in_options<A...>) {
      return [&]<std::size_t... I>(std::index_sequence<I...>) {
        auto all = std::forward_as_tuple(std::forward<A>(arguments)...);
        return map_over<F>(std::get<sizeof...(A) - 1>(all), std::get<I>(std::move(all))...);
      }
      (std::make_index_sequence<sizeof...(A) - 1>{});
    } else {
      return map_over<F>(MapOptions{}, std::forward<A>(arguments)...);
    }
  }

  /// Takes no more calls. See ShutdownOptions. May be called again, from any thread.
  void shutdown(const ShutdownOptions& options = {}) const { core_->shutdown(options); }
  /// SIGTERM, or SIGKILL, to each worker's process group; takes no more calls. What ran ends with
  /// WorkerDied, the rest with CancelledError. Does not wait.
  void terminate_workers() const;
  void kill_workers() const;
  PoolStatus status() const { return core_->status(); }

  detail::ExecutorCore& core() const { return *core_; }

 protected:
  explicit Submitter(std::shared_ptr<detail::ExecutorCore> core, CallOptions options = {})
      : core_(std::move(core)), options_(std::move(options)) {
    detail::check(options_);
  }

  std::shared_ptr<detail::ExecutorCore> core_;
  CallOptions options_;

 private:
  template <auto F, class... A>
  auto map_over(const MapOptions& options, A&&... ranges) const {
    if constexpr (!(std::ranges::input_range<A> && ...)) {
      static_assert(detail::never<MapOptions, A...>,
                    "flagship: map takes input ranges, and a MapOptions at the end");
    } else if constexpr (detail::takes<F, std::ranges::range_reference_t<A>...>()) {
      return MapRange<F, decltype(detail::keep_range(std::forward<A>(ranges)))...>(
          core_, options_, options, detail::keep_range(std::forward<A>(ranges))...);
    }
  }

  template <class Arguments, class... A>
  static void write(Writer& out, A&&... args) {
    [&]<std::size_t... I>(std::index_sequence<I...>) {
      (write_one<std::tuple_element_t<I, Arguments>>(out, std::forward<A>(args)), ...);
    }
    (std::index_sequence_for<A...>{});
  }
  template <class To, class From>
  static void write_one(Writer& out, From&& value) {
    if constexpr (std::is_same_v<To, std::remove_cvref_t<From>>) {
      out.put(static_cast<const To&>(value));
    } else {
      out.put(static_cast<To>(std::forward<From>(value)));
    }
  }

  void name_state(detail::StateBase& state, std::string_view name, bool own) const {
    if (!options_.name.empty())
      state.own_name(options_.name);
    else if (own)
      state.own_name(std::string(name));
  }

  template <class R, class F>
  Future<R> local(std::string_view name, F&& function, bool own_name = false) const {
    using Call = detail::LocalCallOf<R, std::decay_t<F>>;
    const auto call =
        detail::Ref<Call>::adopt(new Call(name, std::forward<F>(function), options_.retries));
    name_state(*call, name, own_name);
    core_->submit(
        std::shared_ptr<detail::LocalCall>(call.get(), [kept = call](detail::LocalCall*) {}));
    return Future<R>(detail::Ref<detail::StateBase>(call.get()));
  }

  template <class R, class WriteArguments>
  Future<R> remote(std::uint64_t function, std::string_view name, WriteArguments&& write_arguments,
                   bool own_name = false) const {
    const auto call =
        detail::Ref<detail::RemoteCallOf<R>>::adopt(new detail::RemoteCallOf<R>(name));
    name_state(*call, name, own_name);
    call->function = function;
    call->priority = options_.priority;
    call->retries = options_.retries;
    call->timeout = options_.timeout.value_or(duration::zero());
    call->notify = options_.notify_running;
    try {
      Writer out(call->payload);
      write_arguments(out);
      if (call->payload.size() > core_->max_message_bytes())
        detail::throw_too_large("arguments", call->payload.size(), core_->max_message_bytes());
    } catch (...) {  // this call only
      call->finish(Ending::raised, std::current_exception());
      return Future<R>(detail::Ref<detail::StateBase>(call.get()));
    }
    core_->submit(detail::Ref<detail::RemoteCall>(call.get()));
    return Future<R>(detail::Ref<detail::StateBase>(call.get()));
  }
};

/// An executor seen through CallOptions: `pool.with({.priority = 1}).submit<f>(x)`. Must not
/// outlive the executor's use: it does not keep it from shutting down.
class ExecutorView final : public Submitter {
 public:
  ExecutorView(std::shared_ptr<detail::ExecutorCore> core, CallOptions options)
      : Submitter(std::move(core), std::move(options)) {}
  ExecutorView with(CallOptions options) const { return {core_, std::move(options)}; }
};

/// An executor of any kind: a view, which does not own it.
class AnyExecutor final : public Submitter {
 public:
  template <class E>
  requires(!std::same_as<std::remove_cvref_t<E>, AnyExecutor> &&
           std::derived_from<std::remove_cvref_t<E>, Submitter>) AnyExecutor(E& executor)
      : Submitter(std::shared_ptr<detail::ExecutorCore>(executor.shared_core())) {}
  ExecutorView with(CallOptions options) const { return {core_, std::move(options)}; }
};

/// What executors have in common besides: an own life. Its destruction is `shutdown()`.
class OwningExecutor : public Submitter {
 public:
  OwningExecutor(const OwningExecutor&) = delete;
  OwningExecutor& operator=(const OwningExecutor&) = delete;
  ExecutorView with(CallOptions options) const { return {core_, std::move(options)}; }
  const std::shared_ptr<detail::ExecutorCore>& shared_core() const { return core_; }

 protected:
  explicit OwningExecutor(std::shared_ptr<detail::ExecutorCore> core)
      : Submitter(std::move(core)) {}
  ~OwningExecutor() { core_->shutdown({}); }
};

/// Runs each call within `submit`: for debuggers and tests.
class InlineExecutor final : public OwningExecutor {
 public:
  InlineExecutor();
};

struct ThreadPoolOptions {
  int max_workers = 0;  // 0: min(32, usable CPUs + 4)
  Initializer
      initializer{};  // called in each thread before its first task; a throw breaks the pool
};

/// Runs calls in threads of this process, started when work needs them.
class ThreadPoolExecutor final : public OwningExecutor {
 public:
  /// std::invalid_argument for a negative number of workers.
  explicit ThreadPoolExecutor(ThreadPoolOptions options = {});
};

/// Runs calls in worker processes: isolated, and on all CPUs. A worker's death costs the call that
/// it ran, never the pool. `flagship::init` must have been called in main.
class ProcessPoolExecutor final : public OwningExecutor {
 public:
  /// std::invalid_argument for a negative number and the like; std::logic_error without
  /// `flagship::init`; BrokenProcessPool when there are too few descriptors for its workers.
  explicit ProcessPoolExecutor(PoolOptions options = {});
};

template <class E>
concept executor = std::derived_from<std::remove_cvref_t<E>, Submitter>;

}  // namespace flagship
