// SPDX-License-Identifier: MIT
#pragma once

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <chrono>
#include <cstdint>
#include <functional>

#include "master/serve/connection.hpp"

namespace flagship::serve {

/// Hands over each connection made to a port of 127.0.0.1, from the thread that runs the
/// io_context. Out of descriptors it rests and tries again: clients wait in the kernel's queue
/// meanwhile.
class Listener {
 public:
  /// Listens when it returns. Throws std::runtime_error with a sentence that names the port.
  Listener(boost::asio::io_context& io, std::uint16_t port,
           std::function<void(Socket)> on_connection);

  std::uint16_t port() const { return acceptor_.local_endpoint().port(); }

 private:
  using Clock = std::chrono::steady_clock;

  void listen(std::uint16_t port);
  void wait();
  void accept_waiting();
  void rest();

  boost::asio::basic_socket_acceptor<boost::asio::ip::tcp, Executor> acceptor_;
  boost::asio::basic_waitable_timer<Clock, boost::asio::wait_traits<Clock>, Executor> timer_;
  std::function<void(Socket)> on_connection_;
};

}  // namespace flagship::serve
