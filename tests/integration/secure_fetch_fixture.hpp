// SPDX-License-Identifier: MIT
#pragma once

#include <cstdlib>
#include <string>

#include "tests/integration/fetch_engine_fixture.hpp"
#include "tests/support/tls_server.hpp"

namespace flagship::fetch {

/// With a certificate that is trusted.
class SecureFetch : public FetchEngine {
 protected:
  SecureFetch() {
    certificate_.save((folder_ / "trusted.pem").string());
    ::setenv("SSL_CERT_FILE", (folder_ / "trusted.pem").c_str(), 1);
  }
  ~SecureFetch() override { ::unsetenv("SSL_CERT_FILE"); }

  static std::string https(const testing::ScriptedServer& server, const std::string& path) {
    return "https://" + server.endpoint() + path;
  }

  testing::Certificate certificate_;
};

}  // namespace flagship::fetch
