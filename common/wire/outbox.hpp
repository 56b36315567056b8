// SPDX-License-Identifier: MIT
// The outbox: a ring in the memory that a worker shares with its supervisor, where each result is
// kept until the supervisor has said that the message with it arrived. So what a worker finished
// and did not deliver is read out of it after its death, and while it is busy with a long call.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "common/wire/up.hpp"

namespace flagship::wire {

/// A view of it; the worker keeps, the supervisor does the rest. Positions count bytes since the
/// beginning. What a worker that ran wild has written may be anything: it is read with care.
class Outbox {
 public:
  /// Shared memory that one takes, zeroed.
  static constexpr std::size_t kBytes = (256 + 4) * 1024;

  Outbox() = default;
  explicit Outbox(std::byte* memory) : memory_(memory) {}

  /// False when there is no room until the supervisor has caught up.
  bool keep(const CallResult& result, std::chrono::nanoseconds wall);
  /// In the place of a result that is too large to be kept. False likewise.
  bool skip();
  /// Behind the last that was kept.
  std::uint64_t end() const { return head().end.load(std::memory_order_relaxed); }

  bool has_arrived(std::uint64_t end) const {
    return head().arrived.load(std::memory_order_acquire) >= end;
  }

  /// Whatever was kept before has arrived.
  void arrived(std::uint64_t end);
  bool empty() const;
  struct Unread {
    std::vector<CallResult> results;  // with a common owner
    std::chrono::nanoseconds busy{};  // running time of all of them together
  };
  /// What has not arrived, which counts as arrived then.
  Unread take();

 private:
  struct Head {
    std::atomic<std::uint64_t> end{0};
    std::atomic<std::uint64_t> arrived{0};
  };
  static constexpr std::size_t kHeadBytes = 4 * 1024;
  static constexpr std::size_t kRing = kBytes - kHeadBytes;

  Head& head() const { return *reinterpret_cast<Head*>(memory_); }
  bool room_for(std::size_t bytes) const;
  void write(std::uint64_t at, const void* bytes, std::size_t size);

  std::byte* memory_ = nullptr;
};

}  // namespace flagship::wire
