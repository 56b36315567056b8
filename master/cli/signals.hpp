// SPDX-License-Identifier: MIT
#pragma once

#include <pthread.h>
#include <signal.h>

#include <atomic>
#include <functional>
#include <thread>

namespace flagship::cli {

/// Hears SIGINT and SIGTERM in a thread of its own, from construction to destruction; all threads
/// made meanwhile leave them alone. Construct it before any other thread is started. Once one was
/// heard, further ones stay without effect after its destruction too.
class Signals {
 public:
  /// `heard(signal, times)` is called in that thread, for each one: 1, 2, ...
  explicit Signals(std::function<void(int signal, int times)> heard);
  ~Signals();
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

  /// The first that was heard; 0: none.
  int first() const { return first_.load(); }

 private:
  void listen();

  std::function<void(int, int)> heard_;
  sigset_t set_{};
  sigset_t before_{};
  std::atomic<int> first_{0};
  std::atomic<bool> ending_{false};
  std::thread thread_;
};

}  // namespace flagship::cli
