// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

namespace flagship::testing {

class ScriptedServer;

/// How a connection's bytes are carried: plainly, unless a test puts something between.
class Carrier {
 public:
  virtual ~Carrier() = default;
  /// As recv(2) and send(2).
  virtual long receive(char* bytes, std::size_t size) = 0;
  virtual long send(const char* bytes, std::size_t size) = 0;
};

/// One connection as the server's script sees it. Each call returns early when the server is
/// destroyed.
class Peer {
 public:
  Peer(ScriptedServer& server, int socket, int number);
  ~Peer();
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  /// Which connection it is, from 1.
  int number() const { return number_; }
  /// The next request's head; nothing when the client is gone.
  std::optional<std::string> request();
  /// False: the client is gone.
  bool send(std::string_view bytes);
  /// A byte at a time with a pause after each, until all are sent or the client is gone.
  void drip(std::string_view bytes, std::chrono::milliseconds pause);
  /// Waits until the client is gone; takes what it sends.
  void hold();
  /// Ends the connection with a TCP reset.
  void reset();
  void close();

  int socket() const { return socket_; }
  void carry_by(std::unique_ptr<Carrier> carrier) { carrier_ = std::move(carrier); }

 private:
  bool readable(std::chrono::milliseconds limit);

  ScriptedServer& server_;
  int socket_;
  const int number_;
  std::unique_ptr<Carrier> carrier_;
  std::string received_;
};

/// An HTTP server on 127.0.0.1 and a free port that sends exactly the bytes a test wants: the
/// script runs once for each connection, in a thread of its own, and the connection is closed when
/// it returns.
///
///     ScriptedServer server([](Peer& peer) {
///       peer.request();
///       peer.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel");
///     });
class ScriptedServer {
 public:
  using Script = std::function<void(Peer&)>;
  using Answer = std::function<void(Peer&, const std::string& request)>;

  explicit ScriptedServer(Script script);
  ~ScriptedServer();
  ScriptedServer(const ScriptedServer&) = delete;
  ScriptedServer& operator=(const ScriptedServer&) = delete;

  std::uint16_t port() const { return port_; }
  /// "http://127.0.0.1:PORT" and `path`.
  std::string url(std::string_view path) const;
  /// "127.0.0.1:PORT"
  std::string endpoint() const;

  int connections() const { return connections_; }
  int requests() const { return requests_; }

 private:
  friend class Peer;

  void accept_connections();
  void run(int socket, int number);

  const Script script_;
  int listener_ = -1;
  int stop_ = -1;  // eventfd: readable at the end
  std::uint16_t port_ = 0;
  std::atomic<int> connections_ = 0;
  std::atomic<int> requests_ = 0;
  std::list<std::thread> peers_;
  std::thread acceptor_;
};

/// A script that calls `answer` for each request of a connection, until the client is gone.
ScriptedServer::Script each_request(ScriptedServer::Answer answer);

/// A whole response: `head` is "200 OK" with further header lines after "\r\n".
std::string response(std::string_view head, std::string_view body);

/// Whether the request is for `path`.
bool asks_for(const std::string& request, std::string_view path);

/// A flag that one thread sets and another waits for.
class Event {
 public:
  void set();
  /// False: not within `limit`.
  bool wait(std::chrono::milliseconds limit);

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool set_ = false;
};

}  // namespace flagship::testing
