// SPDX-License-Identifier: MIT
#include "master/serve/server.hpp"

#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>

#include <thread>

#include "master/serve/connection.hpp"
#include "master/serve/listener.hpp"

namespace flagship::serve {
namespace {

// A connection is a descriptor, and the usual soft limit is 1024.
void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

// Signals are the business of the program, not of this thread.
template <typename Body>
std::thread thread_without_signals(Body body) {
  sigset_t all, before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  std::thread thread(std::move(body));
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return thread;
}

}  // namespace

class Server::Impl {
 public:
  explicit Impl(const Options& options)
      : chance_(options),
        site_(load_flags(options.root), chance_.statuses()),
        listener_(io_, options.port,
                  [this](Socket socket) { serve_connection(std::move(socket), site_, chance_); }),
        port_(listener_.port()) {
    raise_descriptor_limit();
    thread_ = thread_without_signals([this] { io_.run(); });
  }

  ~Impl() {
    io_.stop();
    thread_.join();
  }

  std::uint16_t port() const { return port_; }

 private:
  Chance chance_;
  Site site_;
  // Its destruction ends the connections: they live in what it waits for.
  boost::asio::io_context io_{1};
  Listener listener_;
  const std::uint16_t port_;
  std::thread thread_;
};

Server::Server(const Options& options) : impl_(std::make_unique<Impl>(options)) {}
Server::~Server() = default;

std::uint16_t Server::port() const { return impl_->port(); }

std::string Server::base_url() const {
  return "http://127.0.0.1:" + std::to_string(port()) + "/flags";
}

}  // namespace flagship::serve
