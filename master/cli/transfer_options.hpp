// SPDX-License-Identifier: MIT
#pragma once

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "flagship/v1/fetch.pb.h"

namespace flagship::cli {

/// The options of `flagship fetch` that say how each request is made and which bodies are taken.
/// Secrets come from files and the environment: a command line is there for everybody to see.
struct TransferOptions {
  std::vector<std::string> headers;  // "Name: value" or "@FILE"
  std::string bearer;                // FILE or "env:NAME"
  bool netrc = false;
  std::string netrc_file;
  std::string proxy;  // a URL, or "@FILE"
  bool cookies = false;
  std::string cookie_file;
  std::string ca_file;
  bool insecure = false;
  std::string certificate_file;
  std::string key_file;
  v1::TlsVersion least_tls = v1::TLS_AUTO;
  std::vector<std::string> resolve;  // "HOST:PORT:ADDRESS,...", or "@FILE"
  std::string doh_url;               // empty: the system's resolver
  std::chrono::milliseconds dns_timeout{0};
  bool robots = false;
  bool compressed = false;
  std::vector<std::string> accept_types;
  std::chrono::milliseconds first_byte_timeout{0};
  v1::HttpVersion http = v1::HTTP_AUTO;
};

void declare_transfer_options(CLI::App& app, TransferOptions& options);

/// Reads the files that they name. Throws std::invalid_argument with a sentence that names the
/// option, and no secret.
v1::FetchSettings settings_of(const TransferOptions& options);

/// "Requests are HTTP/1.1: HTTP/2 of libcurl 7.88.1 is not safe."
std::string http_line(const TransferOptions& options);

}  // namespace flagship::cli
