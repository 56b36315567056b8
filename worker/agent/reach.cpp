// SPDX-License-Identifier: MIT
#include "worker/agent/reach.hpp"

#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <memory>

#include "common/os/unique_fd.hpp"

namespace flagship::worker {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kAgain{300};  // who refused may only be about to listen

std::string port_in(std::string_view endpoint) {
  return std::string(endpoint.substr(endpoint.rfind(':') + 1));
}

UniqueFd begin_connecting(const std::string& endpoint) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const std::string host = host_in(endpoint);
  if (host.empty() || getaddrinfo(host.c_str(), port_in(endpoint).c_str(), &hints, &found) != 0)
    return {};
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owner(found, &freeaddrinfo);
  UniqueFd fd(socket(found->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return {};
  if (connect(fd.get(), found->ai_addr, found->ai_addrlen) != 0 && errno != EINPROGRESS) return {};
  return fd;
}

bool connected(int fd) {
  int error = 0;
  socklen_t size = sizeof error;
  return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error == 0;
}

// One try of all; empty: none within this time, or all refused.
std::string try_all(const std::vector<std::string>& endpoints, Clock::time_point until,
                    const Lifeline& lifeline) {
  std::vector<UniqueFd> sockets;
  std::vector<pollfd> waiting;
  for (const std::string& endpoint : endpoints) {
    sockets.push_back(begin_connecting(endpoint));
    waiting.push_back({sockets.back() ? sockets.back().get() : -1, POLLOUT, 0});
  }
  const auto any_left = [&waiting] {
    return std::any_of(waiting.begin(), waiting.end(), [](const pollfd& it) { return it.fd >= 0; });
  };
  const auto poll_all = [&](int left) {
    waiting.push_back({lifeline.fd(), POLLIN, 0});
    const int ready = poll(waiting.data(), waiting.size(), left);
    if (waiting.back().revents != 0) lifeline.check();
    waiting.pop_back();
    return ready;
  };
  while (any_left()) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now()).count();
    if (left <= 0 || poll_all(static_cast<int>(left)) <= 0) return {};
    for (std::size_t i = 0; i < waiting.size(); ++i) {
      if (waiting[i].fd < 0 || waiting[i].revents == 0) continue;
      if (connected(waiting[i].fd)) return endpoints[i];
      waiting[i].fd = -1;
    }
  }
  return {};
}

}  // namespace

std::string host_in(std::string_view endpoint) {
  if (!endpoint.starts_with("tcp://")) return {};
  endpoint.remove_prefix(6);
  endpoint = endpoint.substr(0, endpoint.rfind(':'));
  if (endpoint.starts_with('[') && endpoint.ends_with(']'))
    endpoint = endpoint.substr(1, endpoint.size() - 2);
  return std::string(endpoint);
}

std::string first_reachable(const std::vector<std::string>& endpoints,
                            std::chrono::milliseconds limit, const Lifeline& lifeline) {
  const Clock::time_point end = Clock::now() + limit;
  for (;;) {
    std::string found = try_all(endpoints, end, lifeline);
    const auto left = std::chrono::floor<std::chrono::milliseconds>(end - Clock::now());
    if (!found.empty() || left <= kAgain) return found;
    pollfd line{lifeline.fd(), POLLIN, 0};
    if (poll(&line, 1, static_cast<int>(kAgain.count())) > 0) lifeline.check();
  }
}

}  // namespace flagship::worker
