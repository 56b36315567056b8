// SPDX-License-Identifier: MIT
#pragma once

#include <sys/epoll.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <span>
#include <vector>

namespace flagship::fetch {

/// An epoll and a timer inside it, sparing with system calls: a socket between two requests stays
/// registered, and the timer is set only to go off earlier. It may therefore go off for nothing.
class Poller {
 public:
  using Clock = std::chrono::steady_clock;

  struct Ready {
    int socket;
    std::uint32_t events;
  };

  /// Throws std::system_error.
  Poller();
  ~Poller();
  Poller(const Poller&) = delete;
  Poller& operator=(const Poller&) = delete;

  /// Readable when there is something ready or the timer went off.
  int fd() const { return epoll_; }

  /// From now on the socket's `close()` is told by `forget()`, so it may stay registered while
  /// nobody waits for it.
  void own(int socket);
  /// EPOLLIN, EPOLLOUT, both, or 0.
  void want(int socket, std::uint32_t events);
  void forget(int socket);

  /// What is ready, without waiting. Valid until the next call.
  std::span<const Ready> ready();

  /// Makes `fd()` readable at `when` or earlier.
  void wake_at(Clock::time_point when);

 private:
  struct Interest {
    bool owned = false;
    std::uint32_t wanted = 0;
    std::uint32_t registered = 0;
  };

  Interest& interest(int socket);
  void enlist(int socket, Interest& interest);
  void remove(int socket, Interest& interest);
  void timer_went_off();

  int epoll_ = -1;
  int timer_ = -1;
  Clock::time_point armed_ = Clock::time_point::max();
  std::vector<Interest> interests_;  // by descriptor
  std::array<epoll_event, 256> events_{};
  std::vector<Ready> ready_;
};

}  // namespace flagship::fetch
