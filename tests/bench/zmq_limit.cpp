// SPDX-License-Identifier: MIT
// What the transport gives when nothing else is done: a parent PUSHes messages to its children over
// ipc, a socket each, and every child sends each message back on the parent's one PULL socket.
//
//   zmq_limit rate MESSAGES WORKERS WINDOW   WINDOW under way to each worker: tasks_per_s=...
//   zmq_limit ping CALLS WORKERS             one at a time, to each in turn: p50_us=...
//   zmq_limit big BYTES CALLS                there and back, one at a time: bytes_per_s=...
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <zmq.hpp>

#include "tests/bench/children.hpp"
#include "tests/bench/posix.hpp"

namespace {

using Clock = std::chrono::steady_clock;
using flagship::bench::Children;
using flagship::bench::positive;

constexpr std::size_t kMessageBytes = 64;

/// A worker's life: what comes goes back; an empty message ends it.
void echo(const std::string& tasks, const std::string& results) {
  zmq::context_t context;
  zmq::socket_t in(context, zmq::socket_type::pull);
  zmq::socket_t out(context, zmq::socket_type::push);
  in.connect(tasks);
  out.connect(results);
  zmq::message_t message;
  while (in.recv(message) && message.size() > 0) out.send(message, zmq::send_flags::none);
}

/// The parent's sockets and its workers, all of which have answered once when it is built.
class Echoes {
 public:
  explicit Echoes(std::size_t workers, std::size_t bytes = kMessageBytes) : body_(bytes, 'x') {
    for (std::size_t i = 0; i < workers; ++i) {
      children_.start([&] { echo(tasks_of(i), results()); });
    }
    in_ = zmq::socket_t(context_, zmq::socket_type::pull);
    in_.bind(results());
    for (std::size_t i = 0; i < workers; ++i) {
      out_.emplace_back(context_, zmq::socket_type::push).bind(tasks_of(i));
      send(i);
      receive();
    }
  }

  void end() {
    for (auto& socket : out_) socket.send(zmq::message_t(), zmq::send_flags::none);
    if (!children_.wait()) throw std::runtime_error("a worker failed");
  }

  void send(std::size_t worker) { out_[worker].send(zmq::buffer(body_)); }
  /// The same without a copy: the body stays as it is until it has come back.
  void lend(std::size_t worker) {
    out_[worker].send(zmq::message_t(body_.data(), body_.size(), nullptr), zmq::send_flags::none);
  }
  void receive() { (void)in_.recv(message_); }
  bool receive_if_there() { return in_.recv(message_, zmq::recv_flags::dontwait).has_value(); }

 private:
  std::string results() const { return "ipc://" + folder_.file("results"); }
  std::string tasks_of(std::size_t i) const { return "ipc://" + folder_.file(std::to_string(i)); }

  flagship::bench::TemporaryFolder folder_;
  Children children_;  // forked before the context below has threads
  zmq::context_t context_;
  zmq::socket_t in_;
  std::vector<zmq::socket_t> out_;
  zmq::message_t message_;
  std::string body_;
};

void rate(std::size_t messages, std::size_t workers, std::size_t window) {
  Echoes echoes(workers);
  const auto begin = Clock::now();
  std::size_t sent = 0;
  std::size_t received = 0;
  while (received < messages) {
    for (; sent < messages && sent - received < window * workers; ++sent)
      echoes.send(sent % workers);
    echoes.receive();
    ++received;
    while (echoes.receive_if_there()) ++received;
  }
  const std::chrono::duration<double> seconds = Clock::now() - begin;
  echoes.end();
  std::printf("tasks_per_s=%.0f\n", static_cast<double>(messages) / seconds.count());
}

void ping(std::size_t calls, std::size_t workers) {
  Echoes echoes(workers);
  std::vector<double> micros(calls);
  for (std::size_t i = 0; i < calls; ++i) {
    const auto begin = Clock::now();
    echoes.send(i % workers);
    echoes.receive();
    micros[i] = std::chrono::duration<double, std::micro>(Clock::now() - begin).count();
  }
  echoes.end();
  std::nth_element(micros.begin(), micros.begin() + static_cast<long>(calls / 2), micros.end());
  std::printf("p50_us=%.2f\n", micros[calls / 2]);
}

void big(std::size_t bytes, std::size_t calls) {
  Echoes echoes(1, bytes);
  const auto begin = Clock::now();
  for (std::size_t i = 0; i < calls; ++i) {
    echoes.lend(0);
    echoes.receive();
  }
  const std::chrono::duration<double> seconds = Clock::now() - begin;
  echoes.end();
  std::printf("bytes_per_s=%.0f\n", 2.0 * static_cast<double>(bytes * calls) / seconds.count());
}

}  // namespace

int main(int argc, char** argv) try {
  const std::vector<std::string_view> words(argv + 1, argv + argc);
  const auto number = [&](std::size_t i) {
    return static_cast<std::size_t>(positive("each argument", words[i]));
  };
  if (words.size() == 4 && words[0] == "rate") {
    rate(number(1), number(2), number(3));
  } else if (words.size() == 3 && words[0] == "ping") {
    ping(number(1), number(2));
  } else if (words.size() == 3 && words[0] == "big") {
    big(number(1), number(2));
  } else {
    std::fputs(
        "usage: zmq_limit rate MESSAGES WORKERS WINDOW | ping CALLS WORKERS | big BYTES CALLS\n",
        stderr);
    return 2;
  }
} catch (const std::exception& error) {
  std::fprintf(stderr, "zmq_limit: %s\n", error.what());
  return 1;
}
