// SPDX-License-Identifier: MIT
#include "worker/fetch/poller.hpp"

#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

namespace flagship::fetch {
namespace {

[[noreturn]] void fail(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

epoll_event event_for(int socket, std::uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.fd = socket;
  return event;
}

}  // namespace

Poller::Poller() : epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
  if (epoll_ < 0) fail("epoll_create1");
  timer_ = ::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  auto event = event_for(timer_, EPOLLIN);
  if (timer_ < 0 || ::epoll_ctl(epoll_, EPOLL_CTL_ADD, timer_, &event) != 0) {
    const int error = errno;
    ::close(epoll_);
    if (timer_ >= 0) ::close(timer_);
    throw std::system_error(error, std::generic_category(), "timerfd_create");
  }
}

Poller::~Poller() {
  ::close(timer_);
  ::close(epoll_);
}

Poller::Interest& Poller::interest(int socket) {
  const auto index = static_cast<std::size_t>(socket);
  if (index >= interests_.size()) interests_.resize(std::max(index + 1, 2 * interests_.size()));
  return interests_[index];
}

void Poller::own(int socket) { interest(socket) = {true, 0, 0}; }

void Poller::forget(int socket) { interest(socket) = {}; }

void Poller::want(int socket, std::uint32_t events) {
  Interest& now = interest(socket);
  now.wanted = events;
  if (events == 0 && !now.owned) return remove(socket, now);
  if (events != 0 && events != now.registered) enlist(socket, now);
}

void Poller::enlist(int socket, Interest& interest) {
  auto event = event_for(socket, interest.wanted);
  const int how = interest.registered != 0 ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
  if (::epoll_ctl(epoll_, how, socket, &event) == 0) interest.registered = interest.wanted;
}

void Poller::remove(int socket, Interest& interest) {
  auto event = event_for(socket, 0);
  if (interest.registered != 0) ::epoll_ctl(epoll_, EPOLL_CTL_DEL, socket, &event);
  interest.registered = 0;
}

std::span<const Poller::Ready> Poller::ready() {
  ready_.clear();
  const int count = ::epoll_wait(epoll_, events_.data(), static_cast<int>(events_.size()), 0);
  for (int i = 0; i < count; ++i) {
    const auto& event = events_[static_cast<std::size_t>(i)];
    const int socket = event.data.fd;
    if (socket == timer_) {
      timer_went_off();
    } else if (Interest& known = interest(socket); known.wanted == 0) {
      remove(socket, known);  // an idle connection closed by the server would be ready for ever
    } else {
      ready_.push_back({socket, event.events});
    }
  }
  return ready_;
}

void Poller::timer_went_off() {
  std::uint64_t times = 0;
  [[maybe_unused]] const auto got = ::read(timer_, &times, sizeof times);
  armed_ = Clock::time_point::max();
}

void Poller::wake_at(Clock::time_point when) {
  if (when >= armed_) return;
  armed_ = when;
  const auto since = std::max(when.time_since_epoch(), Clock::duration(1));
  const auto whole = std::chrono::floor<std::chrono::seconds>(since);
  itimerspec spec{};
  spec.it_value.tv_sec = static_cast<time_t>(whole.count());
  spec.it_value.tv_nsec = static_cast<long>(std::chrono::nanoseconds(since - whole).count());
  ::timerfd_settime(timer_, TFD_TIMER_ABSTIME, &spec, nullptr);
}

}  // namespace flagship::fetch
