// SPDX-License-Identifier: MIT
#include "master/serve/listener.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <stdexcept>
#include <string>

namespace flagship::serve {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

constexpr int kBacklog = 4096;
constexpr auto kRest = std::chrono::milliseconds(50);

std::runtime_error cannot_listen(std::uint16_t port, const boost::system::system_error& error) {
  const std::string name = "Port " + std::to_string(port) + " of 127.0.0.1 ";
  if (error.code() == asio::error::address_in_use) {
    return std::runtime_error(name + "is taken by another program.");
  }
  return std::runtime_error(name + "cannot be used: " + error.code().message() + ".");
}

}  // namespace

Listener::Listener(asio::io_context& io, std::uint16_t port,
                   std::function<void(Socket)> on_connection)
    : acceptor_(io), timer_(io), on_connection_(std::move(on_connection)) {
  try {
    listen(port);
  } catch (const boost::system::system_error& error) {
    throw cannot_listen(port, error);
  }
  wait();
}

void Listener::listen(std::uint16_t port) {
  // Not acceptor_.open(): the worker processes of the same program must not inherit the port.
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) throw boost::system::system_error(errno, boost::system::system_category());
  acceptor_.assign(tcp::v4(), fd);
  acceptor_.set_option(tcp::acceptor::reuse_address(true));
  // Linux hands it down to every accepted connection.
  acceptor_.set_option(tcp::no_delay(true));
  acceptor_.bind({asio::ip::address_v4::loopback(), port});
  acceptor_.listen(kBacklog);
  acceptor_.non_blocking(true);
}

void Listener::wait() {
  acceptor_.async_wait(tcp::acceptor::wait_read,
                       [this](error_code error) { error ? rest() : accept_waiting(); });
}

void Listener::accept_waiting() {
  for (;;) {
    const int fd = ::accept4(acceptor_.native_handle(), nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) return errno == EAGAIN ? wait() : rest();
    error_code error;
    Socket socket(acceptor_.get_executor());
    socket.assign(tcp::v4(), fd, error);
    if (error) {
      ::close(fd);
      return rest();
    }
    on_connection_(std::move(socket));
  }
}

void Listener::rest() {
  timer_.expires_after(kRest);
  timer_.async_wait([this](error_code) { accept_waiting(); });
}

}  // namespace flagship::serve
