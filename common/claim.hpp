// SPDX-License-Identifier: MIT
// The claim page: memory that a worker shares with its supervisor, one place for each task that the
// worker may hold. A place goes held -> running -> finished, or held -> recalled, or running ->
// stopped, by compare-and-swap, so exactly one side decides whether a task begins, and whether it
// ends by itself. It answers without a message what a worker is running, also after its death.
// Agents of other hosts share no memory: a place of theirs is lent from the start, and only what
// they say makes it running.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

#include "common/crash_note.hpp"
#include "common/os/unique_fd.hpp"
#include "common/wire/outbox.hpp"
#include "flagship/detail/chunk_notes.hpp"

namespace flagship {

enum class Claim : std::uint32_t {
  free = 0,
  held = 1,
  running = 2,
  finished = 3,
  recalled = 4,
  stopped = 5,
  lent = 6
};

/// One place: the stamp of the ticket it is about, and how it stands. Lock-free, in shared memory.
class ClaimPlace {
 public:
  using Time = std::chrono::steady_clock::time_point;  // the same clock in all processes

  void hold(std::uint32_t stamp) {
    word_.store(word(stamp, Claim::held), std::memory_order_release);
  }
  /// The worker's: false when it was recalled. `now`: when its running time begins.
  bool begin(std::uint32_t stamp, Time now = {}) {
    began_.store(now.time_since_epoch().count(), std::memory_order_relaxed);
    return move(stamp, Claim::held, Claim::running);
  }
  /// The worker's: false when it was stopped, so it does not count.
  bool finish(std::uint32_t stamp) { return move(stamp, Claim::running, Claim::finished); }
  /// The supervisor's: true when it will never run there.
  bool recall(std::uint32_t stamp) { return move(stamp, Claim::held, Claim::recalled); }
  /// The supervisor's: true when it runs, and its worker is to be killed for it; or when it is
  /// lent, and may run.
  bool stop(std::uint32_t stamp) {
    return move(stamp, Claim::running, Claim::stopped) || move(stamp, Claim::lent, Claim::stopped);
  }
  /// Instead of `hold`, for an agent.
  void lend(std::uint32_t stamp) {
    word_.store(word(stamp, Claim::lent), std::memory_order_release);
  }
  /// The agent has said that it runs.
  void lent_has_begun(std::uint32_t stamp) { move(stamp, Claim::lent, Claim::running); }
  /// Since when it runs; nothing: it does not.
  std::optional<Time> running_since(std::uint32_t stamp) const {
    if (!is(stamp, Claim::running)) return std::nullopt;
    return Time(Time::duration(began_.load(std::memory_order_relaxed)));
  }
  bool is(std::uint32_t stamp, Claim claim) const {
    return word_.load(std::memory_order_acquire) == word(stamp, claim);
  }

 private:
  static constexpr std::uint64_t word(std::uint32_t stamp, Claim claim) {
    return std::uint64_t{stamp} << 32 | static_cast<std::uint32_t>(claim);
  }
  bool move(std::uint32_t stamp, Claim from, Claim to) {
    std::uint64_t expected = word(stamp, from);
    return word_.compare_exchange_strong(expected, word(stamp, to), std::memory_order_acq_rel);
  }
  std::atomic<std::uint64_t> word_{0};
  std::atomic<Time::rep> began_{0};
  static_assert(std::atomic<std::uint64_t>::is_always_lock_free);
};

/// The mapping of one worker's places, and behind them of its outbox, its notes of a chunk, its
/// crash note and its pid; unmapped at destruction. Zeroed when made.
class ClaimPage {
 public:
  ClaimPage() = default;
  /// A new page on a new memfd; throws std::system_error.
  static ClaimPage create(std::size_t places);
  /// The worker's view of a page that came by descriptor.
  static ClaimPage map(int fd, std::size_t places);
  ClaimPage(ClaimPage&& other) noexcept;
  ClaimPage& operator=(ClaimPage&& other) noexcept;
  ~ClaimPage();

  ClaimPlace& operator[](std::size_t place) const { return places_[place]; }
  std::size_t size() const { return size_; }
  wire::Outbox outbox() const { return wire::Outbox(memory() + size_ * sizeof(ClaimPlace)); }
  detail::ChunkNotes::Shared& notes() const {
    return *reinterpret_cast<detail::ChunkNotes::Shared*>(memory() + behind_outbox(size_));
  }
  CrashNote& crash_note() const {
    return *reinterpret_cast<CrashNote*>(memory() + behind_outbox(size_) +
                                         sizeof(detail::ChunkNotes::Shared));
  }
  /// The worker's: the kernel writes it when it clones one, so nobody can die in between. 0: there
  /// is none, or it was not cloned.
  std::atomic<pid_t>& pid() const {
    return *reinterpret_cast<std::atomic<pid_t>*>(
        memory() + behind_outbox(size_) + sizeof(detail::ChunkNotes::Shared) + sizeof(CrashNote));
  }
  /// The memfd, while kept open by its creator.
  int fd() const { return fd_.get(); }
  UniqueFd take_fd() { return std::move(fd_); }

 private:
  static std::size_t bytes_for(std::size_t places);
  static std::size_t behind_outbox(std::size_t places) {
    return places * sizeof(ClaimPlace) + wire::Outbox::kBytes;
  }
  std::byte* memory() const { return reinterpret_cast<std::byte*>(places_); }

  UniqueFd fd_;
  ClaimPlace* places_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace flagship
