// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace flagship::serve {

/// What goes wrong on purpose.
struct Fault {
  enum class Kind { none, reset, truncate, slow, status };
  Kind kind = Kind::none;
  std::vector<int> statuses;  // for Kind::status: one of them, at random
};

struct Options {
  std::uint16_t port = 0;  // 0: any free one
  std::chrono::milliseconds delay_min{
      0};  // each answer waits a uniformly random time in [min, max], 404s too
  std::chrono::milliseconds delay_max{0};
  double error_rate = 0;       // share of requests that get the fault, 0 to 1
  Fault fault;                 // none while error_rate > 0: status 418
  std::filesystem::path root;  // empty: where Debian's famfamfam-flag-gif puts its flags
};

/// The practice server: flags at /flags/CC/CC.gif over HTTP/1.1 on 127.0.0.1, delayed and failing
/// as asked. It runs in a thread of its own from construction to destruction, and holds thousands
/// of delayed requests at once. Construction throws std::runtime_error with a sentence (port taken,
/// no flags at root).
class Server {
 public:
  explicit Server(const Options& options);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  std::uint16_t port() const;
  /// "http://127.0.0.1:40123/flags"
  std::string base_url() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

/// "0.5..5", "1", "500ms..2s" into Options::delay_min and delay_max; a plain number is seconds.
/// Throws std::invalid_argument with a sentence that names what was wrong.
void parse_delay(const std::string& text, Options& options);
/// "reset", "truncate", "slow", "status:418,503"; throws likewise.
Fault parse_fault(const std::string& text);

}  // namespace flagship::serve
