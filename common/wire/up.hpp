// SPDX-License-Identifier: MIT
// Messages from a worker to its supervisor, written and read.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/wire/frames.hpp"
#include "flagship/isolation.hpp"

namespace flagship::wire {

struct Sender {
  std::uint32_t worker = 0;
  std::uint32_t incarnation = 0;
};

struct Hello {
  std::uint32_t protocol = kProtocol;
  std::string build_id;
  std::string version;
  pid_t pid = 0;
  std::vector<IsolationLayer> isolation{};
  std::uint32_t concurrency = 0;   // agents: calls that it runs at once
  std::chrono::nanoseconds lag{};  // agents: to it and back
};

enum class CallEnding : std::uint8_t {
  returned,
  raised,
  recalled,
  unknown_function,
  bad_arguments,
  bad_result,
  timed_out,  // agents only, as the next
  worker_died
};

struct Usage {
  std::chrono::nanoseconds wall{}, user{}, system{};
  std::uint64_t peak_rss = 0;
};

/// Which process of an agent ran a call.
struct RanBy {
  pid_t pid = 0;  // 0: none
  std::uint32_t worker = 0;
};

struct CallResult {
  std::uint64_t ticket = 0;
  CallEnding ending = CallEnding::returned;
  std::optional<Usage> usage;
  RanBy by{};  // agents
  std::string_view payload;
  std::shared_ptr<const void> owner;  // set when the payload is a frame of its own
};

/// Builds one message at a time; its buffers are reused. One thread.
class UpWriter {
 public:
  explicit UpWriter(Sender sender);
  ~UpWriter();
  Frames hello(const Hello& hello);
  Frames began(std::span<const std::uint64_t> tickets);
  Frames bye(const std::string& reason);
  /// Adds a result to the batch; a large payload is moved from, not copied.
  void add(std::uint64_t ticket, CallEnding ending, std::string& payload, const Usage* usage);
  /// For agents, after each `add`.
  void add_by(RanBy by);
  std::size_t batched() const;
  std::size_t batched_bytes() const;
  /// `rss`: what the worker has resident, in bytes; 0: not asked for. `kept`: the outbox's end.
  Frames take_results(std::chrono::nanoseconds busy, std::uint64_t rss = 0, std::uint64_t kept = 0);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Reads one message at a time; views are good until the next `read` and while its blobs live.
class UpReader {
 public:
  enum class Kind { malformed, hello, results, began, bye };

  UpReader();
  ~UpReader();
  Kind read(const Blobs& message);

  Sender sender() const;
  Hello hello() const;
  std::string bye_reason() const;
  std::span<const std::uint64_t> tickets() const;  // of results and began
  std::chrono::nanoseconds busy() const;
  std::uint64_t rss() const;
  std::uint64_t kept() const;
  bool all_returned() const;
  CallEnding ending(std::size_t i) const;
  /// The results one after another, in order; nothing when there are no more.
  std::optional<CallResult> next();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace flagship::wire
