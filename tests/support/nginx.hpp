// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/program.hpp"

namespace flagship::testing {

/// An nginx of one test's own, on 127.0.0.1 and a free port, which serves a folder; gone at the
/// end.
class Nginx {
 public:
  /// Where it is installed; empty: it is not.
  static std::string program();

  /// Files with a certificate and its key, for TLS.
  struct Identity {
    std::string certificate;
    std::string key;
  };

  /// With an `identity` it speaks TLS, and HTTP/2 to who can. What is beneath /unmeasured/ it sends
  /// without its length. Throws std::runtime_error with what
  /// nginx says when it does not start.
  explicit Nginx(const std::filesystem::path& root, std::optional<Identity> identity = {});
  Nginx(const Nginx&) = delete;
  Nginx& operator=(const Nginx&) = delete;

  /// "http://127.0.0.1:PORT", or https, and `path`.
  std::string url(std::string_view path = {}) const;

  struct Request {
    std::string connection;  // nginx's number of it
    int status = 0;
    std::string protocol;  // "HTTP/1.1"
    std::string target;
  };
  /// Those that it has answered and logged.
  std::vector<Request> requests() const;

 private:
  bool start(const std::filesystem::path& root);

  const std::optional<Identity> identity_;
  TempFolder folder_;
  std::uint16_t port_ = 0;
  std::unique_ptr<Program> program_;
};

}  // namespace flagship::testing
