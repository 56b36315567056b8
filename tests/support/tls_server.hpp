// SPDX-License-Identifier: MIT
#pragma once

#include <memory>
#include <string>

#include "tests/support/scripted_server.hpp"

namespace flagship::testing {

/// A key and a self-signed certificate for 127.0.0.1, made anew.
class Certificate {
 public:
  Certificate();
  ~Certificate();
  Certificate(const Certificate&) = delete;
  Certificate& operator=(const Certificate&) = delete;

  /// Writes the certificate where a client that is to trust it reads it.
  void save(const std::string& path) const;

 private:
  friend ScriptedServer::Script over_tls(const Certificate& certificate,
                                         ScriptedServer::Script script);
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

/// `script`, with TLS between it and the client. The connection ends without TLS's good-bye.
ScriptedServer::Script over_tls(const Certificate& certificate, ScriptedServer::Script script);

}  // namespace flagship::testing
