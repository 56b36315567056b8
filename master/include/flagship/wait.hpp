// SPDX-License-Identifier: MIT
// Waiting for many futures, of one executor or of several. A cancelled future counts as complete
// everywhere.
#pragma once

#include <deque>
#include <iterator>
#include <optional>
#include <ranges>
#include <string>
#include <type_traits>
#include <unordered_set>
#include <utility>
#include <vector>

#include "flagship/future.hpp"

namespace flagship {

enum class ReturnWhen { first_completed, first_exception, all_completed };

template <class F>
struct BasicWaitResult {
  std::unordered_set<F> done;
  std::unordered_set<F> not_done;
};
template <class T>
using WaitResult = BasicWaitResult<Future<T>>;

namespace detail {

/// Tells which states come a second time, at no cost for those that only one asks about.
class Seen {
 public:
  bool first(StateBase& state) {
    const std::optional<bool> first = state.first_seen(tag_);
    return first ? *first : others_.insert(&state).second;
  }

 private:
  const std::uint64_t tag_ = next_tag();
  std::unordered_set<StateBase*> others_;
};

}  // namespace detail

/// What `as_completed` returns: an input range that yields each future once, as it completes. One
/// thread at a time.
template <class F>
class AsCompleted {
 public:
  template <class R>
  AsCompleted(R&& futures, std::optional<duration> timeout)
      : deadline_(timeout ? detail::deadline_in(*timeout) : detail::Deadline()) {
    for (auto&& future : futures) add(future);
  }
  AsCompleted(const AsCompleted&) = delete;
  AsCompleted& operator=(const AsCompleted&) = delete;
  ~AsCompleted() {
    for (detail::Watch& watch : watches_)
      if (watch.state) queue_.forget(watch);
  }

  /// Waits for one more future; one that was added before is not added again.
  void add(const F& future) {
    if (!seen_.first(future.shared_state())) return;
    if (free_.empty()) {
      free_.push_back(&watches_.emplace_back());
    }
    detail::Watch& watch = *free_.back();
    free_.pop_back();
    ++total_;
    ++unfinished_;
    queue_.add(watch, detail::Ref<detail::StateBase>(&future.shared_state()));
  }

  /// The next one to complete; nothing when none is left, when the deadline passed, or after
  /// `interrupt`.
  std::optional<F> next_before(detail::Deadline deadline) {
    if (unfinished_ == 0) return std::nullopt;
    detail::Watch* const watch = queue_.take(deadline);
    if (watch == nullptr) return std::nullopt;
    --unfinished_;
    std::optional<F> future(F(std::move(watch->state)));
    watch->state = {};
    free_.push_back(watch);
    return future;
  }
  /// Waits although nothing is unfinished, until the deadline or `interrupt`.
  void sleep_until(detail::Deadline deadline) { queue_.take(deadline); }
  /// From any thread: ends a wait in `next_before` or `sleep_until`, or the next one.
  void interrupt() { queue_.interrupt(); }
  std::size_t unfinished() const { return unfinished_; }

  class iterator {
   public:
    using value_type = F;
    using difference_type = std::ptrdiff_t;
    using iterator_concept = std::input_iterator_tag;
    iterator() = default;
    explicit iterator(AsCompleted* range) : range_(range) {}
    F& operator*() const { return *range_->current_; }
    iterator& operator++() {
      range_->advance();
      return *this;
    }
    void operator++(int) { range_->advance(); }
    bool operator==(std::default_sentinel_t) const { return !range_->current_; }

   private:
    AsCompleted* range_ = nullptr;
  };

  iterator begin() {
    advance();
    return iterator(this);
  }
  std::default_sentinel_t end() const { return {}; }

 private:
  void advance() {
    current_.reset();
    if (unfinished_ == 0) return;
    current_ = next_before(deadline_);
    if (!current_)
      throw TimeoutError(
          std::to_string(unfinished_) + " (of " + std::to_string(total_) + ") futures unfinished",
          unfinished_);
  }

  detail::CompletionQueue queue_;
  std::deque<detail::Watch> watches_;
  std::vector<detail::Watch*> free_;
  detail::Seen seen_;
  detail::Deadline deadline_;
  std::optional<F> current_;
  std::size_t total_ = 0;
  std::size_t unfinished_ = 0;
};

/// Yields the futures of `futures` as they complete, those that are complete already first, each
/// once. `timeout` counts from this call; when it is up, the iteration throws TimeoutError "N (of
/// M) futures unfinished".
template <std::ranges::input_range R>
auto as_completed(R&& futures, std::optional<duration> timeout = {}) {
  return AsCompleted<std::remove_cvref_t<std::ranges::range_reference_t<R>>>(
      std::forward<R>(futures), timeout);
}

/// Waits for the futures of `futures`, and says which are done and which are not. Never throws for
/// time.
template <std::ranges::input_range R>
auto wait(R&& futures, std::optional<duration> timeout = {},
          ReturnWhen when = ReturnWhen::all_completed) {
  using F = std::remove_cvref_t<std::ranges::range_reference_t<R>>;
  const detail::Deadline deadline = timeout ? detail::deadline_in(*timeout) : detail::Deadline();
  BasicWaitResult<F> result;
  for (auto&& future : futures) result.not_done.insert(future);

  const auto failed = [](const F& future) {
    return future.done() && !future.cancelled() && future.shared_state().error();
  };
  bool enough = false;
  const auto account = [&](const F& future) {
    result.done.insert(future);
    result.not_done.erase(future);
    enough = enough || when == ReturnWhen::first_completed ||
             (when == ReturnWhen::first_exception && failed(future));
  };
  std::vector<F> waiting(result.not_done.begin(), result.not_done.end());
  for (const F& future : waiting)
    if (future.done()) account(future);
  if (enough || result.not_done.empty()) return result;

  AsCompleted<F> completions(result.not_done, std::nullopt);
  while (!enough && completions.unfinished() > 0) {
    const std::optional<F> next = completions.next_before(deadline);
    if (!next) break;
    account(*next);
  }
  while (const std::optional<F> next = completions.unfinished() > 0
                                           ? completions.next_before(detail::Clock::now())
                                           : std::nullopt)
    account(*next);
  return result;
}

}  // namespace flagship
