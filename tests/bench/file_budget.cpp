// SPDX-License-Identifier: MIT
// What a small file costs a worker's engine in instructions, libcurl's included: the server that it
// gets them from is in the same thread, so that callgrind counts the same on each run.
// scripts/budget runs it.
//
//   file_budget FILES
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <valgrind/callgrind.h>

#include <cstdio>
#include <list>
#include <stdexcept>
#include <string>

#include "tests/bench/children.hpp"
#include "tests/bench/posix.hpp"
#include "worker/fetch/engine.hpp"

namespace {

using namespace flagship;

constexpr int kInFlight = 32;
constexpr std::size_t kBodyBytes = 367;

/// What was counted since the last one goes to this stage.
void end_of_stage(const char* name) {
  CALLGRIND_DUMP_STATS_AT(name);
  (void)name;
}

/// Answers whatever is asked of it with the same small file; `serve` does what can be done at once.
class Server {
 public:
  Server() {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    auto* const any = reinterpret_cast<sockaddr*>(&address);
    socklen_t size = sizeof address;
    bench::checked(::bind(listener_.get(), any, size), "bind");
    bench::checked(::listen(listener_.get(), kInFlight), "listen");
    bench::checked(::getsockname(listener_.get(), any, &size), "getsockname");
    port_ = ntohs(address.sin_port);
  }

  std::string url(int file) const {
    return "http://127.0.0.1:" + std::to_string(port_) + "/" + std::to_string(file) + ".gif";
  }

  void serve() {
    for (;;) {
      const int fd = ::accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (fd < 0) break;
      connections_.emplace_back(fd);
    }
    for (const bench::Fd& connection : connections_) answer(connection.get());
  }

 private:
  void answer(int fd) const {
    std::array<char, 4096> request;
    if (::recv(fd, request.data(), request.size(), 0) <= 0) return;
    if (::send(fd, answer_.data(), answer_.size(), 0) != static_cast<ssize_t>(answer_.size()))
      throw std::runtime_error("an answer does not fit into a socket");
  }

  const std::string answer_ =
      "HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\n"
      "Date: Mon, 01 Jan 2024 00:00:00 GMT\r\nContent-Type: image/gif\r\n"
      "Content-Length: " +
      std::to_string(kBodyBytes) +
      "\r\n"
      "Last-Modified: Mon, 01 Jan 2024 00:00:00 GMT\r\n"
      "Connection: keep-alive\r\nETag: \"65920080-16f\"\r\n"
      "Accept-Ranges: bytes\r\n\r\nGIF89a" +
      std::string(kBodyBytes - 6, 'x');
  bench::Fd listener_{
      bench::checked(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), "socket")};
  int port_ = 0;
  std::list<bench::Fd> connections_;
};

/// As `flagship fetch` asks for them.
v1::FetchRequest request_for(const std::string& url, const std::string& path) {
  v1::FetchRequest request;
  request.set_url(url);
  request.set_path(path);
  v1::FetchLimits& limits = *request.mutable_limits();
  limits.set_timeout_ms(30'000);
  limits.set_connect_timeout_ms(10'000);
  limits.set_stall_bytes(1);
  limits.set_stall_ms(20'000);
  limits.set_max_redirects(10);
  limits.set_max_bytes(1 << 30);
  limits.set_keep_partial_bytes(64 << 10);
  limits.set_allow_private(true);
  return request;
}

void run(int files) {
  const bench::TemporaryFolder folder;
  Server server;
  int begun = 0, ended = 0;
  fetch::Engine* engine = nullptr;
  const auto begin = [&] {
    if (begun == files) return;
    const std::string name = folder.file(std::to_string(begun) + ".gif");
    engine->start(0, request_for(server.url(begun), name));
    ++begun;
  };
  fetch::Engine one(kInFlight, [&](std::uint64_t, v1::FetchResult&& result) {
    if (result.outcome() != v1::FETCH_OK) throw std::runtime_error(result.reason());
    ++ended;
    begin();
  });
  engine = &one;
  for (int i = 0; i < kInFlight; ++i) begin();
  while (ended < files) {
    engine->step();
    end_of_stage("fetch");
    server.serve();
    end_of_stage("serve");
  }
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc != 2) {
    std::fputs("usage: file_budget FILES\n", stderr);
    return 2;
  }
  run(bench::positive("FILES", argv[1]));
} catch (const std::exception& error) {
  std::fprintf(stderr, "file_budget: %s\n", error.what());
  return 1;
}
