// SPDX-License-Identifier: MIT
// What `executor.map<F>(ranges...)` returns.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <iterator>
#include <memory>
#include <optional>
#include <ranges>
#include <stdexcept>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>

#include "flagship/detail/call.hpp"
#include "flagship/detail/chunk.hpp"
#include "flagship/future.hpp"
#include "flagship/options.hpp"

namespace flagship {

namespace detail {

/// A chunk on its way: its result stays bytes until its items are asked for.
class ChunkCall final : public RemoteCall {
 public:
  using RemoteCall::RemoteCall;
  std::string value_type() const override { return "chunk"; }
  void read_result(std::string_view bytes) override { bytes_ = bytes; }
  void salvage(std::string_view bytes) override {
    bytes_ = bytes;
    salvaged_ = true;
  }
  bool keeps_arguments() const override { return true; }

  /// The outcomes of its items, from the first: of all, or of those that there is one of.
  const std::string& bytes() const { return bytes_; }
  /// Its worker did not survive the item behind those; what comes behind that has not begun.
  bool salvaged() const { return salvaged_; }
  std::string_view arguments() const {
    return large_payload ? std::string_view(*large_payload) : std::string_view(payload);
  }

 private:
  std::string bytes_;
  bool salvaged_ = false;
};

/// How many items make a chunk: one at first; more while chunks are over in no time, fewer when
/// they take long.
class ChunkSize {
 public:
  ChunkSize(std::size_t fixed, std::size_t most)
      : size_(fixed != 0 ? fixed : 1), most_(fixed != 0 ? fixed : most), automatic_(fixed == 0) {}
  std::size_t get() const { return size_; }
  bool automatic() const { return automatic_; }
  /// A chunk ended early: its results took too much room.
  void learn_too_many(std::size_t done) {
    most_ = size_ = std::max<std::size_t>(1, std::min(size_, done));
  }
  void learn(std::size_t items, duration wall) {
    if (!automatic_ || items != size_) return;
    if (wall < kShort)
      size_ = std::min(size_ * 2, most_);
    else if (wall > kLong)
      size_ = std::max<std::size_t>(1, size_ / 2);
  }

 private:
  static constexpr duration kShort = std::chrono::microseconds(500);
  static constexpr duration kLong = std::chrono::milliseconds(5);
  std::size_t size_;
  std::size_t most_;
  bool automatic_;
};

/// std::invalid_argument for sizes that can only be negative numbers.
void check(const MapOptions& options);

/// A range that is somebody else's. Not std::views::all: clang 14 cannot compile libstdc++'s views.
template <class R>
struct RangeRef {
  R* range;
  auto begin() const { return std::ranges::begin(*range); }
  auto end() const { return std::ranges::end(*range); }
};

template <class R>
auto keep_range(R&& range) {
  if constexpr (std::is_lvalue_reference_v<R>) {
    return RangeRef<std::remove_reference_t<R>>{&range};
  } else {
    return std::remove_cvref_t<R>(std::move(range));
  }
}

}  // namespace detail

/// The results of a map, an input range in the order of its input. Calls are submitted at once, as
/// many as its bound allows, and more as results are taken; the input is read no further than that.
/// `*it` waits for the item and throws what its call threw, or TimeoutError; `++it` goes on to the
/// next. After a TimeoutError there is no next. Letting go of the range cancels what has not begun.
/// One thread at a time.
template <auto F, class... V>
class MapRange {
 public:
  using R = detail::result_of<F>;
  using value_type = std::conditional_t<std::is_void_v<R>, std::monostate, R>;

  MapRange(std::shared_ptr<detail::ExecutorCore> core, CallOptions call, const MapOptions& options,
           V... ranges)
      : core_(std::move(core)),
        here_(core_->in_process()),
        most_bytes_(core_->max_message_bytes()),
        call_(std::move(call)),
        deadline_(options.timeout ? detail::deadline_in(*options.timeout) : detail::Deadline()),
        bound_(options.buffersize),
        time_limit_(call_.timeout.value_or(core_->task_timeout())),
        chunk_(options.chunksize, options.buffersize != 0 ? options.buffersize : kMostItems),
        ranges_(std::move(ranges)...),
        at_(std::apply([](auto&... range) { return std::tuple(std::ranges::begin(range)...); },
                       ranges_)) {
    detail::check(options);
    refill();
  }
  MapRange(const MapRange&) = delete;
  MapRange& operator=(const MapRange&) = delete;
  ~MapRange() { cancel(); }

  class iterator {
   public:
    using iterator_concept = std::input_iterator_tag;
    using value_type = MapRange::value_type;
    using difference_type = std::ptrdiff_t;
    iterator() = default;
    explicit iterator(MapRange* range) : range_(range) {}
    value_type& operator*() const { return range_->current(); }
    iterator& operator++() {
      range_->advance();
      return *this;
    }
    void operator++(int) { range_->advance(); }
    bool operator==(std::default_sentinel_t) const { return range_->chunks_.empty(); }

   private:
    MapRange* range_ = nullptr;
  };

  iterator begin() { return iterator(this); }
  std::default_sentinel_t end() const { return {}; }

 private:
  static constexpr std::size_t kMostItems = 8192;
  static constexpr std::size_t kMostBytes =
      48 * 1024;  // of a chunk's arguments, with automatic size
  static constexpr std::size_t kChunksAhead = 64;

  struct Chunk {
    detail::Ref<detail::StateBase> state;
    std::size_t items = 1;
    std::size_t taken = 0;
    std::optional<Reader> results{};  // of a remote one
    bool over = false;                // the item that is taken has no outcome there
  };

  bool exhausted() const {
    return std::apply(
        [this](auto&... range) {
          return this->exhausted(std::index_sequence_for<V...>{}, range...);
        },
        ranges_);
  }
  template <std::size_t... I, class... Ranges>
  bool exhausted(std::index_sequence<I...>, Ranges&... range) const {
    return ((std::get<I>(at_) == std::ranges::end(range)) || ...);
  }

  template <class Use>
  void take_input(Use&& use) {
    std::apply(
        [&](auto&... it) {
          use(*it...);
          (++it, ...);
        },
        at_);
  }

  bool full() const {
    return bound_ != 0
               ? waiting_ + 1 > bound_
               : chunks_.size() >= kChunksAhead && waiting_ >= kChunksAhead * chunk_.get() / 2;
  }

  void refill() {
    try {
      while (!ended_ && !full() && !exhausted()) here_ ? submit_here() : submit_chunk();
    } catch (const ShutdownError&) {
      if (!fed_) throw;
      ended_ = true;  // the executor is gone: what was submitted is all there will be
    }
    fed_ = true;
  }

  void submit_here() {
    take_input([this](auto&&... item) {
      using Arguments = detail::arguments_of<F>;
      auto function = [arguments =
                           Arguments(std::forward<decltype(item)>(item)...)]() mutable -> R {
        return detail::call_again<F>(arguments);
      };
      using Call = detail::LocalCallOf<R, decltype(function)>;
      const auto call = detail::Ref<Call>::adopt(
          new Call(detail::display_name<F>(), std::move(function), call_.retries));
      if (!call_.name.empty()) call->own_name(call_.name);
      core_->submit(
          std::shared_ptr<detail::LocalCall>(call.get(), [kept = call](detail::LocalCall*) {}));
      chunks_.push_back({detail::Ref<detail::StateBase>(call.get())});
    });
    ++waiting_;
  }

  detail::Ref<detail::ChunkCall> new_chunk() const {
    auto call =
        detail::Ref<detail::ChunkCall>::adopt(new detail::ChunkCall(detail::display_name<F>()));
    if (!call_.name.empty()) call->own_name(call_.name);
    call->function = detail::chunk_key<F>();
    call->priority = call_.priority;
    call->notify = call_.notify_running;
    Writer out(call->payload);
    out.put(call_.retries);
    out.put(!chunk_.automatic());
    return call;
  }

  // A time limit is an item's: together they have as many times as much.
  duration limit_of(std::size_t items) const {
    return time_limit_ * static_cast<duration::rep>(items);
  }

  void submit_chunk() {
    const auto call = new_chunk();
    const std::size_t room = bound_ != 0 ? bound_ - waiting_ : kMostItems;
    const bool one_by_one = chunk_.automatic() && time_limit_ > duration::zero();
    const std::size_t most = one_by_one ? 1 : std::min(chunk_.get(), room);
    std::uint32_t items = 0;
    const std::size_t count_at = call->payload.size();
    Writer(call->payload).put(items);
    std::exception_ptr failed;
    if constexpr (kAsTheyLie) items = add_as_they_lie(call->payload, most);
    while (!failed && items < most && call->payload.size() < kMostBytes && !exhausted()) {
      failed = add_item(call->payload);
      if (!failed) ++items;
    }
    if (items > 0) {
      std::memcpy(call->payload.data() + count_at, &items, sizeof items);
      call->timeout = limit_of(items);
      core_->submit(detail::Ref<detail::RemoteCall>(call.get()));
      keep(*call, items);
    }
    if (!failed) return;
    const auto failure = new_chunk();
    failure->finish(Ending::raised, std::move(failed));
    keep(*failure, 1);
  }

  void keep(detail::ChunkCall& call, std::size_t items) {
    chunks_.push_back({detail::Ref<detail::StateBase>(&call), items});
    waiting_ += items;
  }

  /// Numbers that lie in memory as they travel, one behind the other.
  static constexpr bool kAsTheyLie = [] {
    if constexpr (sizeof...(V) == 1 && (std::ranges::contiguous_range<V> && ...) &&
                  (std::sized_sentinel_for<std::ranges::sentinel_t<V>,
                                           std::ranges::iterator_t<V>> &&
                   ...)) {
      using Item = std::ranges::range_value_t<std::tuple_element_t<0, std::tuple<V...>>>;
      return detail::as_it_lies<Item> && std::is_same_v<detail::arguments_of<F>, std::tuple<Item>>;
    }
    return false;
  }();

  /// How many it took: as many as have room.
  std::uint32_t add_as_they_lie(std::string& payload, std::size_t most) {
    auto& from = std::get<0>(at_);
    const auto left = static_cast<std::size_t>(std::ranges::end(std::get<0>(ranges_)) - from);
    const std::size_t room = std::min(kMostBytes, most_bytes_);
    const std::size_t fit = room > payload.size() ? (room - payload.size()) / sizeof *from : 0;
    const std::size_t items = std::min({most, left, fit});
    Writer(payload).raw(std::to_address(from), items * sizeof *from);
    from += static_cast<std::ptrdiff_t>(items);
    return static_cast<std::uint32_t>(items);
  }

  /// What cannot be written fails by itself; what cannot be read is the end of the input.
  std::exception_ptr add_item(std::string& payload) {
    const std::size_t before = payload.size();
    std::exception_ptr failed;
    try {
      take_input([&](auto&&... item) {
        try {
          Writer out(payload);
          write(out, std::forward<decltype(item)>(item)...);
          if (payload.size() > most_bytes_)
            detail::throw_too_large("arguments", payload.size(), most_bytes_);
        } catch (...) {
          failed = std::current_exception();
        }
      });
    } catch (...) {
      failed = std::current_exception();
      ended_ = true;
    }
    if (failed) payload.resize(before);
    return failed;
  }

  template <class... Item>
  static void write(Writer& out, Item&&... item) {
    const detail::arguments_of<F> arguments(std::forward<Item>(item)...);
    std::apply([&out](const auto&... argument) { (out.put(argument), ...); }, arguments);
  }

  value_type& current() {
    if (value_) return *value_;
    Chunk& chunk = chunks_.front();
    if (!chunk.results && !chunk.state->wait(deadline_)) {
      cancel();
      throw TimeoutError("the map's results did not come in time", waiting_);
    }
    if (here_)
      take_local(chunk);
    else
      take_remote(chunk);
    return *value_;
  }

  void take_local(Chunk& chunk) {
    detail::wait_for_value(*chunk.state, {});
    auto& slot =
        *const_cast<detail::Slot<R>*>(static_cast<const detail::Slot<R>*>(chunk.state->value()));
    if constexpr (std::is_void_v<R>)
      value_.emplace();
    else
      value_.emplace(std::move(*slot));
  }

  void take_remote(Chunk& chunk) {
    if (!chunk.results)
      chunk.results.emplace(static_cast<detail::ChunkCall&>(*chunk.state).bytes());
    if (chunk.results->left() == 0) {
      chunk.over = true;
      detail::wait_for_value(*chunk.state, {});  // throws, unless it only ended early
      chunk_.learn_too_many(chunk.taken);
      submit_rest(chunk);
      current();
      return;
    }
    item_read_ = true;
    if (!chunk.results->template get<bool>())
      std::rethrow_exception(detail::unpack_exception(chunk.results->template get<std::string>()));
    if constexpr (std::is_void_v<R>)
      value_.emplace();
    else
      value_.emplace(chunk.results->template get<R>());
  }

  void advance() {
    if (chunks_.empty()) return;
    Chunk& chunk = chunks_.front();
    skip_unread(chunk);
    value_.reset();
    item_read_ = false;
    --waiting_;
    if (++chunk.taken == chunk.items) {
      chunk_.learn(chunk.items, chunk.state->facts().wall);
      chunks_.pop_front();
    } else if (chunk.over && static_cast<detail::ChunkCall&>(*chunk.state).salvaged()) {
      submit_rest(chunk);
    } else if (bound_ == 0) {
      return;  // room for another chunk comes with the end of one
    }
    refill();
  }

  /// What was not taken yet and has not begun, as a chunk of its own in the same place.
  void submit_rest(Chunk& chunk) {
    Reader in(static_cast<detail::ChunkCall&>(*chunk.state).arguments());
    in.get<int>(), in.get<bool>(), in.get<std::uint32_t>();
    for (std::size_t i = 0; i < chunk.taken; ++i) in.get<detail::arguments_of<F>>();
    const std::size_t items = chunk.items - chunk.taken;
    const auto call = new_chunk();
    Writer(call->payload).put(static_cast<std::uint32_t>(items));
    call->payload.append(in.raw(in.left()));
    call->timeout = limit_of(items);
    try {
      core_->submit(detail::Ref<detail::RemoteCall>(call.get()));
    } catch (const ShutdownError&) {
      call->cancel();
    } catch (...) {
      call->finish(Ending::raised, std::current_exception());
    }
    chunk = {detail::Ref<detail::StateBase>(call.get()), items};
  }

  // An item that nobody looked at has to be read over to get at the next one.
  void skip_unread(Chunk& chunk) {
    if (here_ || item_read_ || chunk.taken + 1 == chunk.items) return;
    try {
      current();
    } catch (...) {
    }
  }

  void cancel() {
    ended_ = true;
    for (Chunk& chunk : chunks_) chunk.state->cancel();
    chunks_.clear();
    waiting_ = 0;
  }

  const std::shared_ptr<detail::ExecutorCore> core_;
  const bool here_;  // in this process
  const std::size_t most_bytes_;
  const CallOptions call_;
  const detail::Deadline deadline_;
  const std::size_t bound_;    // in items; 0: automatic
  const duration time_limit_;  // of an item's running time; zero: none
  detail::ChunkSize chunk_;
  std::tuple<V...> ranges_;
  std::tuple<std::ranges::iterator_t<V>...> at_;
  std::deque<Chunk> chunks_;  // submitted and not used up, in input order
  std::size_t waiting_ = 0;   // their items that were not taken
  std::optional<value_type> value_;
  bool item_read_ = false;
  bool ended_ = false;
  bool fed_ = false;
};

}  // namespace flagship
