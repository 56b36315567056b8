// SPDX-License-Identifier: MIT
#pragma once

#include <memory>
#include <string>

#include "tests/support/scripted_server.hpp"

namespace flagship::testing {

/// For whom a certificate is, and when: seconds from now.
struct Validity {
  const char* name = "IP:127.0.0.1";
  long from = -3600;
  long until = 3600;
};

/// What a server wants of its clients.
struct TlsRules {
  int newest = 0;                  // version, as OpenSSL numbers them; 0: any
  bool wants_certificate = false;  // any will do
};

/// A key and a self-signed certificate, made anew.
class Certificate {
 public:
  explicit Certificate(const Validity& validity = {});
  ~Certificate();
  Certificate(const Certificate&) = delete;
  Certificate& operator=(const Certificate&) = delete;

  /// Writes the certificate where a client that is to trust it reads it.
  void save(const std::string& path) const;
  /// Writes the key, for a server.
  void save_key(const std::string& path) const;

 private:
  friend ScriptedServer::Script over_tls(const Certificate& certificate,
                                         ScriptedServer::Script script, const TlsRules& rules);
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

/// `script`, with TLS between it and the client. The connection ends without TLS's good-bye.
ScriptedServer::Script over_tls(const Certificate& certificate, ScriptedServer::Script script,
                                const TlsRules& rules = {});

}  // namespace flagship::testing
