// SPDX-License-Identifier: MIT
// Messages from a supervisor to a worker, written and read.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "common/wire/frames.hpp"

namespace flagship::wire {

struct Welcome {
  std::uint32_t concurrency = 1;
  std::chrono::microseconds flush_after{5000};
  std::uint64_t initializer_function = 0;  // 0: none
  std::string initializer;
  std::uint64_t max_rss = 0;  // bytes; above it the worker begins nothing; 0: no limit
  std::chrono::nanoseconds task_timeout{};  // of calls without one of their own; zero: none
};

struct AssignedCall {
  std::uint64_t ticket = 0;
  std::uint32_t place = 0;
  std::uint64_t function = 0;
  bool notify = false;  // its beginning is to be told at once
  std::string_view payload{};
  std::uint32_t attempt = 1;
  std::chrono::nanoseconds timeout{};  // of running time; zero: the pool's
};

/// Builds one message at a time; its buffers are reused. One thread.
class DownWriter {
 public:
  DownWriter();
  ~DownWriter();
  Frames welcome(const Welcome& welcome);
  Frames drain();
  // To agents:
  Frames recall(std::span<const std::uint64_t> tickets);
  Frames interrupt(std::span<const std::uint64_t> tickets);
  Frames signal(int number);
  /// Adds a call to the batch. `large`: its payload, when that is to travel as a frame of its own.
  void add(const AssignedCall& call, std::shared_ptr<const std::string> large);
  std::size_t batched() const;
  Frames take_assign();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Reads one message at a time; views are good until the next `read` and while its blobs live.
class DownReader {
 public:
  enum class Kind { malformed, welcome, assign, drain, recall, interrupt, signal };

  DownReader();
  ~DownReader();
  DownReader(DownReader&&) noexcept;
  DownReader& operator=(DownReader&&) noexcept;
  Kind read(const Blobs& message);

  Welcome welcome() const;
  std::span<const std::uint64_t> tickets() const;  // of recall and interrupt
  int signal() const;
  /// How many calls the message assigns.
  std::size_t calls() const;
  /// Calls of an assign message, in order; nothing when there are no more.
  std::optional<AssignedCall> next();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace flagship::wire
