// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace flagship::testing {

/// An HTTP server at each address of 127.0.0.0/8, which is an origin of its own each, at a few free
/// ports; reached by the loopback device only, unless another is named. One thread serves them all,
/// and keeps a log.
class ManyOrigins {
 public:
  using Clock = std::chrono::steady_clock;

  struct Visit {
    std::string origin;      // "127.0.0.1:PORT", as it was connected to
    std::string target;      // "/x"
    std::size_t number = 0;  // of the visits of this origin, from 1
    Clock::time_point came{};
    Clock::time_point left{};  // answered, or the client gave up; zero: not yet
    std::size_t at_once = 0;   // visits of this origin that were there when it came, with it
  };
  struct Reply {
    std::string head = "200 OK";  // with further header lines after "\r\n"
    std::chrono::milliseconds after{};
    bool never = false;
  };
  /// What to say to a visit; called in the server's thread.
  using Answer = std::function<Reply(const Visit&)>;

  /// Whoever calls it from another network, or names another device, is served there.
  explicit ManyOrigins(Answer answer, std::size_t ports = 1, const std::string& device = "lo");
  ~ManyOrigins();
  ManyOrigins(const ManyOrigins&) = delete;
  ManyOrigins& operator=(const ManyOrigins&) = delete;

  /// "http://127.0.X.Y:PORT", another one for each number.
  std::string url(std::size_t number) const;
  /// The same without "http://".
  std::string origin(std::size_t number) const;
  const std::vector<std::uint16_t>& ports() const { return ports_; }

  std::vector<Visit> log() const;
  /// Those of one origin, in the order in which they came.
  std::vector<Visit> log_of(const std::string& origin) const;

 private:
  struct Connection {
    int socket = -1;
    std::string origin;
    std::string received;
    std::size_t visit = kNone;  // that is being answered
  };
  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);

  void serve();
  void accept_all(int listener);
  void read(Connection& connection);
  void begin(Connection& connection);
  void answer(Connection& connection, const std::string& head);
  void answer_due();
  void leave(Connection& connection);
  void close(int socket);
  int timeout() const;

  const Answer answer_;
  int epoll_ = -1;
  int stop_ = -1;  // eventfd
  std::map<int, std::uint16_t> listeners_;
  std::vector<std::uint16_t> ports_;
  std::map<int, std::unique_ptr<Connection>> connections_;
  std::multimap<Clock::time_point, std::pair<std::size_t, std::string>> due_;  // visit, head
  std::map<std::size_t, Connection*> visitors_;                                // by visit
  std::map<std::string, std::size_t> here_, visits_;                           // by origin

  mutable std::mutex mutex_;  // guards the log
  std::vector<Visit> log_;

  std::thread thread_;
};

}  // namespace flagship::testing
