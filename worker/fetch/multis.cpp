// SPDX-License-Identifier: MIT
#include "worker/fetch/multis.hpp"

#include <algorithm>
#include <new>

namespace flagship::fetch {
namespace {

constexpr std::size_t kTransfersEach = 256;
constexpr std::size_t kConnectionsKeptAtLeast = 4;

std::uint32_t epoll_events(int what) {
  return (what & CURL_POLL_IN ? EPOLLIN : 0U) | (what & CURL_POLL_OUT ? EPOLLOUT : 0U);
}

int curl_events(std::uint32_t events) {
  return (events & EPOLLIN ? CURL_CSELECT_IN : 0) | (events & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
         (events & (EPOLLERR | EPOLLHUP) ? CURL_CSELECT_ERR : 0);
}

struct FreeMulti {
  void operator()(CURLM* multi) const { curl_multi_cleanup(multi); }
};

}  // namespace

struct Multis::Multi {
  Multi(Multis& all, std::size_t connections) : owner(all) {
    if (!handle) throw std::bad_alloc();
    curl_multi_setopt(handle.get(), CURLMOPT_SOCKETFUNCTION, &Multi::on_socket);
    curl_multi_setopt(handle.get(), CURLMOPT_SOCKETDATA, this);
    curl_multi_setopt(handle.get(), CURLMOPT_TIMERFUNCTION, &Multi::on_timer);
    curl_multi_setopt(handle.get(), CURLMOPT_TIMERDATA, this);
    keep_connections(connections);
  }

  // More idle ones are closed, so what is in flight is to have one each.
  void keep_connections(std::size_t count) {
    if (count <= kept) return;
    kept = count;
    curl_multi_setopt(handle.get(), CURLMOPT_MAXCONNECTS, static_cast<long>(kept));
  }

  void act(curl_socket_t socket, int events) {
    int running = 0;
    curl_multi_socket_action(handle.get(), socket, events, &running);
  }

  static int on_socket(CURL*, curl_socket_t socket, int what, void* self, void*);
  static int on_timer(CURLM*, long after_ms, void* self);

  Multis& owner;
  std::unique_ptr<CURLM, FreeMulti> handle{curl_multi_init()};
  Clock::time_point due = Clock::time_point::max();
  std::size_t kept = 0;  // idle connections, at most
};

int Multis::Multi::on_socket(CURL*, curl_socket_t socket, int what, void* self, void*) {
  auto* const multi = static_cast<Multi*>(self);
  Multis& all = multi->owner;
  const auto place = static_cast<std::size_t>(socket);
  if (place >= all.by_socket_.size()) all.by_socket_.resize(2 * place + 1);
  all.by_socket_[place] = multi;
  all.poller_.want(socket, what == CURL_POLL_REMOVE ? 0 : epoll_events(what));
  return 0;
}

int Multis::Multi::on_timer(CURLM*, long after_ms, void* self) {
  auto& due = static_cast<Multi*>(self)->due;
  if (after_ms < 0) {
    due = Clock::time_point::max();
  } else if (after_ms == 0) {
    due = Clock::time_point::min();
  } else {
    due = Clock::now() + std::chrono::milliseconds(after_ms);
  }
  return 0;
}

Multis::Multis(Poller& poller, std::size_t expected)
    : poller_(poller), expected_(std::max(expected, kConnectionsKeptAtLeast)) {
  multi_of(0);
}

Multis::~Multis() = default;

Multis::Multi& Multis::multi_of(std::size_t number) {
  const std::size_t place = number / kTransfersEach;
  while (multis_.size() <= place)
    multis_.push_back(std::make_unique<Multi>(*this, std::min(expected_, kTransfersEach)));
  Multi& multi = *multis_[place];
  if (number % kTransfersEach >= multi.kept) multi.keep_connections(2 * multi.kept);
  return multi;
}

bool Multis::add(CURL* easy, std::size_t number) {
  return curl_multi_add_handle(multi_of(number).handle.get(), easy) == CURLM_OK;
}

void Multis::remove(CURL* easy, std::size_t number) {
  curl_multi_remove_handle(multi_of(number).handle.get(), easy);
}

void Multis::act(int socket, std::uint32_t events) {
  by_socket_[static_cast<std::size_t>(socket)]->act(socket, curl_events(events));
}

Multis::Clock::time_point Multis::due() const {
  auto due = Clock::time_point::max();
  for (const auto& multi : multis_) due = std::min(due, multi->due);
  return due;
}

void Multis::run_due(Clock::time_point now) {
  for (const auto& multi : multis_) {
    if (multi->due > now) continue;
    multi->due = Clock::time_point::max();
    multi->act(CURL_SOCKET_TIMEOUT, 0);
  }
}

void Multis::collect(const std::function<void(CURL*, CURLcode)>& done) {
  for (std::size_t place = 0; place < multis_.size(); ++place) {  // there may be more meanwhile
    int left = 0;
    CURLM* const multi = multis_[place]->handle.get();
    while (const CURLMsg* message = curl_multi_info_read(multi, &left))
      if (message->msg == CURLMSG_DONE) done(message->easy_handle, message->data.result);
  }
}

}  // namespace flagship::fetch
