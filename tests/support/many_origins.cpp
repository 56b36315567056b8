// SPDX-License-Identifier: MIT
#include "tests/support/many_origins.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

namespace flagship::testing {
namespace {

[[noreturn]] void fail(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

void watch(int epoll, int fd) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = fd;
  if (::epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0) fail("epoll_ctl");
}

// Every address, but of that device only.
int listen_on(const std::string& device) {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (socket < 0) fail("socket");
  if (::setsockopt(socket, SOL_SOCKET, SO_BINDTODEVICE, device.c_str(),
                   static_cast<socklen_t>(device.size())) != 0)
    fail("SO_BINDTODEVICE");
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_ANY);
  if (::bind(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    fail("bind");
  if (::listen(socket, 4096) != 0) fail("listen");
  return socket;
}

std::pair<std::string, std::uint16_t> name_of(int socket) {
  sockaddr_in address{};
  socklen_t size = sizeof address;
  if (::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size) != 0) fail("getsockname");
  std::array<char, INET_ADDRSTRLEN> text{};
  ::inet_ntop(AF_INET, &address.sin_addr, text.data(), text.size());
  return {text.data(), ntohs(address.sin_port)};
}

}  // namespace

ManyOrigins::ManyOrigins(Answer answer, std::size_t ports, const std::string& device)
    : answer_(std::move(answer)),
      epoll_(::epoll_create1(EPOLL_CLOEXEC)),
      stop_(::eventfd(0, EFD_CLOEXEC)) {
  watch(epoll_, stop_);
  while (listeners_.size() < ports) {
    const int listener = listen_on(device);
    watch(epoll_, listener);
    ports_.push_back(name_of(listener).second);
    listeners_[listener] = ports_.back();
  }
  thread_ = std::thread([this] { serve(); });
}

ManyOrigins::~ManyOrigins() {
  ::eventfd_write(stop_, 1);
  thread_.join();
  for (const auto& [socket, connection] : connections_) ::close(socket);
  for (const auto& [socket, port] : listeners_) ::close(socket);
  ::close(stop_);
  ::close(epoll_);
}

std::string ManyOrigins::origin(std::size_t number) const {
  const std::size_t host = number / ports_.size();
  return "127.0." + std::to_string(1 + host / 250) + "." + std::to_string(1 + host % 250) + ":" +
         std::to_string(ports_[number % ports_.size()]);
}

std::string ManyOrigins::url(std::size_t number) const { return "http://" + origin(number); }

std::vector<ManyOrigins::Visit> ManyOrigins::log() const {
  const std::lock_guard lock(mutex_);
  return log_;
}

std::vector<ManyOrigins::Visit> ManyOrigins::log_of(const std::string& origin) const {
  std::vector<Visit> visits = log();
  std::erase_if(visits, [&](const Visit& visit) { return visit.origin != origin; });
  return visits;
}

// ---- in the server's thread ---------------------------------------------------------------------

void ManyOrigins::serve() {
  std::array<epoll_event, 64> events;
  for (;;) {
    const int count = ::epoll_wait(epoll_, events.data(), events.size(), timeout());
    for (int i = 0; i < count; ++i) {
      const int fd = events[static_cast<std::size_t>(i)].data.fd;
      if (fd == stop_) return;
      if (listeners_.contains(fd))
        accept_all(fd);
      else if (const auto found = connections_.find(fd); found != connections_.end())
        read(*found->second);
    }
    answer_due();
  }
}

int ManyOrigins::timeout() const {
  if (due_.empty()) return -1;
  const auto left =
      std::chrono::ceil<std::chrono::milliseconds>(due_.begin()->first - Clock::now());
  return static_cast<int>(std::max<long long>(0, left.count()));
}

void ManyOrigins::accept_all(int listener) {
  for (;;) {
    const int socket = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (socket < 0) return;
    const auto [address, port] = name_of(socket);
    connections_[socket] = std::make_unique<Connection>();
    connections_[socket]->socket = socket;
    connections_[socket]->origin = address + ":" + std::to_string(port);
    watch(epoll_, socket);
  }
}

// All that there is: who has asked and was gone before anybody could look makes no visit.
void ManyOrigins::read(Connection& connection) {
  std::array<char, 4096> bytes;
  for (;;) {
    const ssize_t got = ::recv(connection.socket, bytes.data(), bytes.size(), 0);
    if (got < 0 && errno == EAGAIN) break;
    if (got <= 0) return close(connection.socket);
    connection.received.append(bytes.data(), static_cast<std::size_t>(got));
  }
  if (connection.visit == kNone) begin(connection);
}

void ManyOrigins::begin(Connection& connection) {
  const std::size_t end = connection.received.find("\r\n\r\n");
  if (end == std::string::npos) return;
  Visit visit;
  visit.origin = connection.origin;
  visit.target = connection.received.substr(4, connection.received.find(' ', 4) - 4);
  visit.number = ++visits_[visit.origin];
  visit.came = Clock::now();
  visit.at_once = ++here_[visit.origin];
  connection.received.erase(0, end + 4);
  const Reply reply = answer_(visit);
  {
    const std::lock_guard lock(mutex_);
    connection.visit = log_.size();
    log_.push_back(visit);
  }
  visitors_[connection.visit] = &connection;
  if (reply.never) return;
  if (reply.after.count() == 0) return answer(connection, reply.head);
  due_.emplace(visit.came + reply.after, std::pair(connection.visit, reply.head));
}

void ManyOrigins::answer_due() {
  while (!due_.empty() && due_.begin()->first <= Clock::now()) {
    const auto [visit, head] = due_.begin()->second;
    due_.erase(due_.begin());
    if (const auto found = visitors_.find(visit); found != visitors_.end())
      answer(*found->second, head);
  }
}

void ManyOrigins::answer(Connection& connection, const std::string& head) {
  const std::string text = "HTTP/1.1 " + head + "\r\nContent-Length: 2\r\n\r\nok";
  leave(connection);
  ::send(connection.socket, text.data(), text.size(), MSG_NOSIGNAL);
  begin(connection);
}

// Its visit is over.
void ManyOrigins::leave(Connection& connection) {
  if (connection.visit == kNone) return;
  --here_[connection.origin];
  visitors_.erase(connection.visit);
  const std::lock_guard lock(mutex_);
  log_[std::exchange(connection.visit, kNone)].left = Clock::now();
}

void ManyOrigins::close(int socket) {
  leave(*connections_[socket]);
  connections_.erase(socket);
  ::close(socket);
}

}  // namespace flagship::testing
