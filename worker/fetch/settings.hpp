// SPDX-License-Identifier: MIT
#pragma once

#include <curl/curl.h>

#include <memory>
#include <string>
#include <vector>

#include "flagship/v1/fetch.pb.h"
#include "worker/fetch/request_headers.hpp"

namespace flagship::fetch {

/// Whether libcurl has HTTP/2 at all, and whether it may be trusted: before 8.0 it reports bodies
/// as complete that are not.
bool http2_is_there();
bool http2_is_safe();
bool http3_is_there();

/// How requests are made and what becomes of bodies: a FetchSettings, read once and shared by the
/// transfers of an engine. Holds secrets. Immutable.
class Settings {
 public:
  /// nullptr when `bytes` is no FetchSettings.
  static std::shared_ptr<const Settings> read(const std::string& bytes);

  /// What it was read from.
  const std::string& source() const { return source_; }
  const v1::FetchSettings& fields() const { return fields_; }
  bool compressed() const { return fields_.compressed(); }
  const std::vector<std::string>& accepted() const { return accepted_; }
  bool proxied() const { return !fields_.proxy().empty(); }
  /// A connection may carry several transfers at once.
  bool multiplexes() const { return version_ != v1::HTTP_1_1; }
  /// What comes by HTTP/2 may be cut off without a word.
  bool doubts_http2() const { return multiplexes() && !http2_is_safe(); }
  /// Where a request goes matters: something of it is for the first origin alone.
  bool keeps_secrets() const { return keeps_secrets_; }

  /// To a handle that is as new.
  void apply(CURL* easy) const;
  /// `plain`: nothing but HTTP/1.1, whatever was asked for.
  void choose_version(CURL* easy, bool plain) const;
  /// `away`: the request goes to another origin than the one that it was meant for.
  void add_headers(RequestHeaders& headers, bool away) const;
  /// The client's certificate, which is for the first origin alone.
  void show_certificate(CURL* easy, bool away) const;

 private:
  struct Line {
    std::string text;
    bool harmless = false;  // goes to other origins too
  };

  explicit Settings(const std::string& bytes) : source_(bytes) {}
  void prepare();
  void chain_resolve();

  const std::string source_;
  v1::FetchSettings fields_;
  std::vector<Line> lines_;
  std::vector<std::string> accepted_;
  std::vector<curl_slist> resolve_;         // of lines of fields_
  v1::HttpVersion version_ = v1::HTTP_1_1;  // the newest that a server is offered
  bool keeps_secrets_ = false;
};

/// What requests say they come from, unless a header of the user's does.
inline constexpr const char* kUserAgent = "flagship/0.1.0";

/// "libcurl 7.88.1"
std::string libcurl_name();

}  // namespace flagship::fetch
