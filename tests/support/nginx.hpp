// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
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

  /// Throws std::runtime_error with what nginx says when it does not start.
  explicit Nginx(const std::filesystem::path& root);
  Nginx(const Nginx&) = delete;
  Nginx& operator=(const Nginx&) = delete;

  /// "http://127.0.0.1:PORT" and `path`.
  std::string url(std::string_view path = {}) const;

  struct Request {
    std::string connection;  // nginx's number of it
    int status = 0;
    std::string target;
  };
  /// Those that it has answered and logged.
  std::vector<Request> requests() const;

 private:
  bool start(const std::filesystem::path& root);

  TempFolder folder_;
  std::uint16_t port_ = 0;
  std::unique_ptr<Program> program_;
};

}  // namespace flagship::testing
