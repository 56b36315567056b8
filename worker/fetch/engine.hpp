// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

#include "flagship/v1/fetch.pb.h"

namespace flagship::fetch {

/// Carries out HTTP downloads, many at once, in the thread that calls `step()`: libcurl's multi
/// interface on an epoll of its own. Knows nothing of pools; the runner of a worker process drives
/// it, and so does `fetch()`. Not thread-safe: one thread, one engine. The first engine of a
/// process initialises libcurl, so a process that makes none never does.
class Engine {
 public:
  /// Told once for each started transfer, from within `step()`, never from `start()`. It may call
  /// `start()`; it must neither throw nor destroy the engine.
  using Done = std::function<void(std::uint64_t token, v1::FetchResult&& result)>;

  /// `expected`: about how many transfers will be in flight; the connection cache begins with that
  /// size and grows, so it bounds nothing.
  Engine(std::size_t expected, Done done);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  /// Readable whenever `step()` has something to do; put it into any epoll or poll.
  int fd() const;

  /// Begins a transfer at once; the folder of its path must exist. `token` comes back with the
  /// result. Whatever is wrong with the request is a result too. `request` is read during the call
  /// only.
  void start(std::uint64_t token, const v1::FetchRequest& request);

  /// Does what can be done without blocking, and reports what ended.
  void step();
  /// Completes the shard that is being written. No transfer may be in flight. The destructor does
  /// it too, and closes all connections.
  void complete_shards();

  std::size_t in_flight() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

/// One download, start to end, in this thread, which keeps an engine (and its connections) for the
/// next one. `give_up`, if any, is asked now and then; once it says true the download ends as
/// CANCELLED and leaves nothing behind.
v1::FetchResult fetch(const v1::FetchRequest& request, bool (*give_up)() = nullptr);

}  // namespace flagship::fetch
