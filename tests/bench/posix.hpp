// SPDX-License-Identifier: MIT
#pragma once

#include <fcntl.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <span>
#include <stdexcept>
#include <string>
#include <system_error>

namespace flagship::bench {

inline int checked(int result, const char* what) {
  if (result < 0) throw std::system_error(errno, std::generic_category(), what);
  return result;
}

class Fd {
 public:
  explicit Fd(int fd) : fd_(fd) {}
  ~Fd() { ::close(fd_); }
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

/// Writes a whole file under a temporary name, then gives it its own.
inline void save(const std::string& name, const std::string& body) {
  const std::string part = name + ".part";
  {
    const Fd file(
        checked(::open(part.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644), part.c_str()));
    if (::write(file.get(), body.data(), body.size()) != static_cast<ssize_t>(body.size())) {
      throw std::runtime_error("cannot write " + part);
    }
  }
  checked(std::rename(part.c_str(), name.c_str()), name.c_str());
}

/// A folder of its own, gone at the end.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = std::filesystem::temp_directory_path() / "flagship-bench-XXXXXX";
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("cannot make " + name);
    path_ = name;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  std::string file(const std::string& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

/// An epoll with one alarm. The alarm is kept here and not in the kernel: it is set for "now" with
/// every transfer that begins, where a timerfd would cost a call to set it and one to be woken by
/// it.
class Waiter {
 public:
  void watch(int operation, int fd, std::uint32_t events) const {
    epoll_event event{.events = events, .data = {.fd = fd}};
    ::epoll_ctl(epoll_.get(), operation, fd, &event);
  }

  /// Below zero: no alarm.
  void set_alarm(long ms) {
    alarm_ = ms < 0 ? kNever : Clock::now() + std::chrono::milliseconds(ms);
  }

  /// Whether it was time for the alarm, which is then off.
  bool take_alarm() {
    if (alarm_ == kNever || alarm_ > Clock::now()) return false;
    alarm_ = kNever;
    return true;
  }

  /// What is ready, until the next call; nothing when the alarm is due.
  std::span<const epoll_event> wait() {
    using std::chrono::ceil, std::chrono::milliseconds;
    const auto left = std::max(ceil<milliseconds>(alarm_ - Clock::now()), milliseconds(0));
    const int timeout = alarm_ == kNever ? -1 : static_cast<int>(left.count());
    const int n = ::epoll_wait(epoll_.get(), events_.data(), kEvents, timeout);
    return std::span(events_).first(n > 0 ? static_cast<std::size_t>(n) : 0);
  }

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr Clock::time_point kNever = Clock::time_point::max();
  static constexpr int kEvents = 128;

  Fd epoll_{checked(::epoll_create1(EPOLL_CLOEXEC), "epoll")};
  Clock::time_point alarm_ = kNever;
  std::array<epoll_event, kEvents> events_;
};

}  // namespace flagship::bench
