// SPDX-License-Identifier: MIT
#pragma once

#include <sys/epoll.h>

#include <cerrno>
#include <cstdint>
#include <system_error>
#include <utility>

#include "common/os/unique_fd.hpp"

namespace flagship::hosts {

/// A descriptor and its entry in an epoll, which outlives it. Taken out by name: a copy of it in a
/// process that somebody forked would keep it there.
class WatchedFd {
 public:
  WatchedFd() = default;
  /// Throws std::system_error.
  WatchedFd(int epoll, UniqueFd fd, std::uint32_t events, std::uint64_t key)
      : epoll_(epoll), key_(key), fd_(std::move(fd)) {
    watch(events);
  }
  WatchedFd(WatchedFd&&) = default;
  WatchedFd& operator=(WatchedFd&& other) noexcept {
    reset();
    epoll_ = other.epoll_;
    key_ = other.key_;
    events_ = std::exchange(other.events_, 0);
    fd_ = std::move(other.fd_);
    return *this;
  }
  ~WatchedFd() { reset(); }

  int get() const { return fd_.get(); }
  explicit operator bool() const { return static_cast<bool>(fd_); }

  /// For none of them it is not watched at all: not for a peer that is gone either.
  void watch(std::uint32_t events) {
    if (events == events_) return;
    epoll_event event{};
    event.events = events;
    event.data.u64 = key_;
    const int how = events == 0 ? EPOLL_CTL_DEL : events_ == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
    if (epoll_ctl(epoll_, how, fd_.get(), &event) != 0)
      throw std::system_error(errno, std::generic_category(), "cannot watch a descriptor");
    events_ = events;
  }

  void reset() {
    if (fd_ && events_ != 0) epoll_ctl(epoll_, EPOLL_CTL_DEL, fd_.get(), nullptr);
    events_ = 0;
    fd_.reset();
  }

 private:
  int epoll_ = -1;
  std::uint64_t key_ = 0;
  std::uint32_t events_ = 0;
  UniqueFd fd_;
};

}  // namespace flagship::hosts
