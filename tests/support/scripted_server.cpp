// SPDX-License-Identifier: MIT
#include "tests/support/scripted_server.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

namespace flagship::testing {
namespace {

constexpr std::chrono::milliseconds kForEver{-1};

[[noreturn]] void fail(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

int listen_on_loopback() {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (socket < 0) fail("socket");
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::bind(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    fail("bind");
  if (::listen(socket, 1024) != 0) fail("listen");
  return socket;
}

std::uint16_t port_of(int socket) {
  sockaddr_in address{};
  socklen_t size = sizeof address;
  if (::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size) != 0) fail("getsockname");
  return ntohs(address.sin_port);
}

// Waits for `socket` or `stop`; true: the socket is ready and the server goes on.
bool ready(int socket, short events, int stop, std::chrono::milliseconds limit) {
  pollfd waits[] = {{socket, events, 0}, {stop, POLLIN, 0}};
  const int count = ::poll(waits, 2, static_cast<int>(limit.count()));
  return count > 0 && waits[1].revents == 0 && waits[0].revents != 0;
}

class Plain : public Carrier {
 public:
  explicit Plain(int socket) : socket_(socket) {}
  long receive(char* bytes, std::size_t size) override { return ::recv(socket_, bytes, size, 0); }
  long send(const char* bytes, std::size_t size) override {
    return ::send(socket_, bytes, size, MSG_NOSIGNAL | MSG_DONTWAIT);
  }

 private:
  const int socket_;
};

}  // namespace

Peer::Peer(ScriptedServer& server, int socket, int number)
    : server_(server),
      socket_(socket),
      number_(number),
      carrier_(std::make_unique<Plain>(socket)) {}

Peer::~Peer() { close(); }

bool Peer::readable(std::chrono::milliseconds limit) {
  return socket_ >= 0 && ready(socket_, POLLIN, server_.stop_, limit);
}

std::optional<std::string> Peer::request() {
  for (;;) {
    if (const auto end = received_.find("\r\n\r\n"); end != std::string::npos) {
      std::string head = received_.substr(0, end + 4);
      received_.erase(0, end + 4);
      ++server_.requests_;
      return head;
    }
    char bytes[4096];
    if (!readable(kForEver)) return std::nullopt;
    const auto got = carrier_->receive(bytes, sizeof bytes);
    if (got <= 0) return std::nullopt;
    received_.append(bytes, static_cast<std::size_t>(got));
  }
}

bool Peer::send(std::string_view bytes) {
  while (!bytes.empty()) {
    if (socket_ < 0 || !ready(socket_, POLLOUT, server_.stop_, kForEver)) return false;
    const auto sent = carrier_->send(bytes.data(), bytes.size());
    if (sent < 0 && errno != EAGAIN) return false;
    if (sent > 0) bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

void Peer::drip(std::string_view bytes, std::chrono::milliseconds pause) {
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (!send(bytes.substr(i, 1)) || readable(pause)) return;
    if (ready(server_.stop_, POLLIN, -1, std::chrono::milliseconds(0))) return;
  }
}

void Peer::hold() {
  char bytes[4096];
  while (readable(kForEver) && carrier_->receive(bytes, sizeof bytes) > 0) {
  }
}

void Peer::reset() {
  const linger at_once{1, 0};
  if (socket_ >= 0) ::setsockopt(socket_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  close();
}

void Peer::close() {
  if (socket_ >= 0) ::close(std::exchange(socket_, -1));
}

ScriptedServer::ScriptedServer(Script script)
    : script_(std::move(script)),
      listener_(listen_on_loopback()),
      stop_(::eventfd(0, EFD_CLOEXEC)),
      port_(port_of(listener_)),
      acceptor_([this] { accept_connections(); }) {}

ScriptedServer::~ScriptedServer() {
  ::eventfd_write(stop_, 1);
  acceptor_.join();
  for (auto& peer : peers_) peer.join();
  ::close(listener_);
  ::close(stop_);
}

void ScriptedServer::accept_connections() {
  while (ready(listener_, POLLIN, stop_, kForEver)) {
    const int socket = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (socket < 0) continue;
    peers_.emplace_back([this, socket, number = ++connections_] { run(socket, number); });
  }
}

void ScriptedServer::run(int socket, int number) {
  const int yes = 1;
  ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  Peer peer(*this, socket, number);
  script_(peer);
}

std::string ScriptedServer::endpoint() const { return "127.0.0.1:" + std::to_string(port_); }

std::string ScriptedServer::url(std::string_view path) const {
  return "http://" + endpoint() + std::string(path);
}

ScriptedServer::Script each_request(ScriptedServer::Answer answer) {
  return [answer = std::move(answer)](Peer& peer) {
    while (const auto request = peer.request()) answer(peer, *request);
  };
}

std::string response(std::string_view head, std::string_view body) {
  return "HTTP/1.1 " + std::string(head) + "\r\nContent-Length: " + std::to_string(body.size()) +
         "\r\n\r\n" + std::string(body);
}

bool asks_for(const std::string& request, std::string_view path) {
  return request.starts_with("GET " + std::string(path) + " ");
}

void Event::set() {
  const std::lock_guard lock(mutex_);
  set_ = true;
  changed_.notify_all();
}

bool Event::wait(std::chrono::milliseconds limit) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, limit, [this] { return set_; });
}

}  // namespace flagship::testing
