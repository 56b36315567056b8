// SPDX-License-Identifier: MIT
#pragma once

#include <curl/curl.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "worker/fetch/poller.hpp"

namespace flagship::fetch {

/// libcurl's multi handles, as if they were one. libcurl looks through all connections of a multi
/// for each transfer, so each is to have few: transfers are numbered, and neighbours share one.
/// In one thread only.
class Multis {
 public:
  using Clock = std::chrono::steady_clock;

  /// `expected` transfers at once, or more. Throws std::bad_alloc.
  Multis(Poller& poller, std::size_t expected);
  ~Multis();
  Multis(const Multis&) = delete;
  Multis& operator=(const Multis&) = delete;

  /// False: libcurl cannot begin the transfer.
  bool add(CURL* easy, std::size_t number);
  void remove(CURL* easy, std::size_t number);

  /// Something happened to a socket.
  void act(int socket, std::uint32_t events);
  /// When `run_due` is to be called.
  Clock::time_point due() const;
  void run_due(Clock::time_point now);
  /// Calls it for each transfer that libcurl is done with, which may be removed, and others added.
  void collect(const std::function<void(CURL*, CURLcode)>& done);

 private:
  struct Multi;

  Multi& multi_of(std::size_t number);

  Poller& poller_;
  const std::size_t expected_;
  std::vector<Multi*> by_socket_;
  std::vector<std::unique_ptr<Multi>> multis_;  // their ends still ask for what is above
};

}  // namespace flagship::fetch
