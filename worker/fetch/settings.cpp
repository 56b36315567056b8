// SPDX-License-Identifier: MIT
#include "worker/fetch/settings.hpp"

#include <algorithm>
#include <cstdlib>
#include <new>
#include <string_view>

#include "worker/fetch/decoder.hpp"
#include "worker/fetch/text.hpp"

namespace flagship::fetch {
namespace {

template <class Value>
void set(CURL* easy, CURLoption option, Value value) {
  if (curl_easy_setopt(easy, option, value) == CURLE_OUT_OF_MEMORY) throw std::bad_alloc();
}

void set_if_given(CURL* easy, CURLoption option, const std::string& value) {
  if (!value.empty()) set(easy, option, value.c_str());
}

// A token may be in any header whose name nobody knows.
bool is_harmless(std::string_view line) {
  const std::string_view name = trimmed(line.substr(0, line.find(':')));
  for (const char* known : {"accept", "accept-language", "dnt", "user-agent"})
    if (same_word(name, known)) return true;
  return false;
}

bool has_feature(int feature) {
  return (curl_version_info(CURLVERSION_NOW)->features & feature) != 0;
}

// On another host libcurl may be another one than where the options were read.
v1::HttpVersion offered(v1::HttpVersion asked) {
  if (asked == v1::HTTP_3 && http3_is_there()) return v1::HTTP_3;
  if (asked == v1::HTTP_2 && http2_is_there()) return v1::HTTP_2;
  return asked != v1::HTTP_1_1 && http2_is_safe() ? v1::HTTP_2 : v1::HTTP_1_1;
}

long curl_version(v1::HttpVersion version) {
  if (version == v1::HTTP_3) return CURL_HTTP_VERSION_3;
  return version == v1::HTTP_2 ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_1_1;
}

}  // namespace

bool http2_is_there() { return has_feature(CURL_VERSION_HTTP2); }

bool http2_is_safe() {
  static const bool safe =
      curl_version_info(CURLVERSION_NOW)->version_num >= 0x080000 && http2_is_there();
  return safe;
}

bool http3_is_there() { return has_feature(CURL_VERSION_HTTP3); }

std::string libcurl_name() {
  return std::string("libcurl ") + curl_version_info(CURLVERSION_NOW)->version;
}

std::shared_ptr<const Settings> Settings::read(const std::string& bytes) {
  const std::shared_ptr<Settings> settings(new Settings(bytes));
  if (!settings->fields_.ParseFromString(bytes)) return nullptr;
  settings->prepare();
  return settings;
}

void Settings::prepare() {
  for (const std::string& line : fields_.headers()) lines_.push_back({line, is_harmless(line)});
  if (!fields_.bearer().empty())
    lines_.push_back({"Authorization: Bearer " + fields_.bearer(), false});
  if (compressed()) lines_.push_back({kAcceptEncoding, true});
  chain_resolve();
  accepted_.assign(fields_.accept_types().begin(), fields_.accept_types().end());
  version_ = offered(fields_.http());
  keeps_secrets_ =
      !fields_.certificate_file().empty() || !fields_.netrc_file().empty() ||
      std::any_of(lines_.begin(), lines_.end(), [](const Line& line) { return !line.harmless; });
}

// libcurl only reads them.
void Settings::chain_resolve() {
  resolve_.reserve(static_cast<std::size_t>(fields_.resolve_size()));
  for (std::string& line : *fields_.mutable_resolve()) {
    resolve_.push_back({line.data(), nullptr});
    if (resolve_.size() > 1) resolve_[resolve_.size() - 2].next = &resolve_.back();
  }
}

void Settings::apply(CURL* easy) const {
  choose_version(easy, false);
  // Rather than that each of those that begin together opens a connection.
  if (multiplexes()) set(easy, CURLOPT_PIPEWAIT, 1L);
  // A proxy from the environment would defeat the address policy.
  set(easy, CURLOPT_PROXY, fields_.proxy().c_str());
  set(easy, CURLOPT_NOPROXY, "");
  set(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  if (const char* bundle = std::getenv("SSL_CERT_FILE")) set(easy, CURLOPT_CAINFO, bundle);
  set_if_given(easy, CURLOPT_CAINFO, fields_.ca_file());
  if (fields_.insecure()) {
    set(easy, CURLOPT_SSL_VERIFYPEER, 0L);
    set(easy, CURLOPT_SSL_VERIFYHOST, 0L);
  }
  if (fields_.least_tls() != v1::TLS_AUTO)
    set(easy, CURLOPT_SSLVERSION,
        fields_.least_tls() == v1::TLS_1_3 ? CURL_SSLVERSION_TLSv1_3 : CURL_SSLVERSION_TLSv1_2);
  set_if_given(easy, CURLOPT_DOH_URL, fields_.doh_url());
  if (!resolve_.empty()) set(easy, CURLOPT_RESOLVE, const_cast<curl_slist*>(resolve_.data()));
  show_certificate(easy, false);
  if (fields_.netrc_file().empty()) return;
  set(easy, CURLOPT_NETRC, static_cast<long>(CURL_NETRC_OPTIONAL));
  set(easy, CURLOPT_NETRC_FILE, fields_.netrc_file().c_str());
}

void Settings::choose_version(CURL* easy, bool plain) const {
  set(easy, CURLOPT_HTTP_VERSION, curl_version(plain ? v1::HTTP_1_1 : version_));
}

void Settings::show_certificate(CURL* easy, bool away) const {
  const std::string& certificate = fields_.certificate_file();
  if (certificate.empty()) return;
  const std::string& key = fields_.key_file().empty() ? certificate : fields_.key_file();
  set(easy, CURLOPT_SSLCERT, away ? nullptr : certificate.c_str());
  set(easy, CURLOPT_SSLKEY, away ? nullptr : key.c_str());
}

void Settings::add_headers(RequestHeaders& headers, bool away) const {
  for (const Line& line : lines_)
    if (line.harmless || !away) headers.add_kept(line.text);
}

}  // namespace flagship::fetch
