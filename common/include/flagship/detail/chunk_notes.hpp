// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace flagship::detail {

/// Where a worker notes the outcomes of a chunk's items one by one, in memory that its supervisor
/// shares: when it dies, those are not lost, and the item behind them is to blame.
class ChunkNotes {
 public:
  static constexpr std::size_t kRoom = 64 * 1024;
  struct Shared {
    std::atomic<std::uint64_t> ticket{0};
    std::atomic<std::uint64_t> bytes{0};
    char room[kRoom];
  };

  /// For whoever runs calls: what is noted in this thread from now on, and of which.
  static void begin_call(Shared* shared, std::uint64_t ticket);
  /// Of the call that this thread runs; somewhere else nothing is noted.
  static ChunkNotes of_this_call();

  /// After an item: all outcomes up to now. False when there is no room for them.
  bool note(const std::string& outcomes) {
    if (shared_ == nullptr) return true;
    if (outcomes.size() > kRoom) return false;
    copy(outcomes.data() + noted_, outcomes.size() - noted_, shared_->room + noted_);
    noted_ = outcomes.size();
    shared_->bytes.store(noted_, std::memory_order_release);
    return true;
  }

  /// What was noted of a call; a worker that ran wild may have written anything.
  static std::string_view read(const Shared& shared, std::uint64_t ticket);

 private:
  explicit ChunkNotes(Shared* shared) : shared_(shared) {}

  // An outcome is a few bytes mostly: not worth a call.
  static void copy(const char* from, std::size_t bytes, char* to) {
    if (bytes < 4 || bytes > 8) {
      std::memcpy(to, from, bytes);
      return;
    }
    std::uint32_t first = 0, last = 0;
    std::memcpy(&first, from, 4);
    std::memcpy(&last, from + bytes - 4, 4);
    std::memcpy(to, &first, 4);
    std::memcpy(to + bytes - 4, &last, 4);
  }

  Shared* shared_;
  std::size_t noted_ = 0;
};

}  // namespace flagship::detail
