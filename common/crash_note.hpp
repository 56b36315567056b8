// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace flagship {

/// Where a worker crashed, noted by itself while it dies, in the memory that it shares with its
/// supervisor. Zeroed when made. A worker that ran wild may have written anything there.
struct CrashNote {
  static constexpr std::size_t kMostFrames = 32;
  static constexpr std::uint32_t kMostModules = 16;
  static constexpr std::size_t kMostBytesOfPath = 512;
  static constexpr std::size_t kMostBytesOfName = 256;

  struct Frame {
    std::uint64_t offset = 0;  // in its module; an address when there is none
    std::uint32_t module = kMostModules;
  };

  std::atomic<std::int32_t> signal{0};  // 0: nothing is noted
  std::atomic<std::uint32_t> frames{0};
  char task[kMostBytesOfName]{};                // what ran in that thread
  char path[kMostModules][kMostBytesOfPath]{};  // empty: the worker's executable
  Frame frame[kMostFrames]{};                   // innermost first
};

}  // namespace flagship
