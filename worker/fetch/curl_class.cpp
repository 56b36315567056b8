// SPDX-License-Identifier: MIT
#include "worker/fetch/curl_class.hpp"

#include <cerrno>
#include <string>
#include <string_view>
#include <system_error>

#include "worker/fetch/text.hpp"

namespace flagship::fetch {
namespace {

enum class Add { nothing, system_error, detail };

struct Meaning {
  CURLcode code;
  v1::FetchClass error_class;
  std::string_view words;
  Add add;
};

constexpr Meaning kMeanings[] = {
    {CURLE_URL_MALFORMAT, v1::BAD_INPUT, "not a URL", Add::nothing},
    {CURLE_BAD_FUNCTION_ARGUMENT, v1::BAD_INPUT, "not a URL", Add::nothing},
    {CURLE_COULDNT_RESOLVE_HOST, v1::DNS, "the host's name has no address", Add::nothing},
    {CURLE_COULDNT_RESOLVE_PROXY, v1::DNS, "the proxy's name has no address", Add::nothing},
    {CURLE_PROXY, v1::CONNECT, "the proxy does not connect", Add::detail},
    {CURLE_COULDNT_CONNECT, v1::CONNECT, "cannot connect", Add::system_error},
    {CURLE_OPERATION_TIMEDOUT, v1::TIMEOUT, "no connection within the time limit", Add::nothing},
    {CURLE_GOT_NOTHING, v1::RESET, "the server closed the connection without an answer",
     Add::nothing},
    {CURLE_SEND_ERROR, v1::RESET, "the connection broke while the request was sent",
     Add::system_error},
    {CURLE_RECV_ERROR, v1::RESET, "the connection broke", Add::system_error},
    {CURLE_PARTIAL_FILE, v1::TRUNCATED, "the connection ended before the body did", Add::nothing},
    {CURLE_HTTP2, v1::PROTOCOL, "not HTTP as it should be", Add::detail},
    {CURLE_HTTP2_STREAM, v1::RESET, "the connection broke", Add::detail},
    {CURLE_WEIRD_SERVER_REPLY, v1::PROTOCOL, "not HTTP as it should be", Add::detail},
    {CURLE_UNSUPPORTED_PROTOCOL, v1::PROTOCOL, "not HTTP as it should be", Add::detail},
    {CURLE_BAD_CONTENT_ENCODING, v1::PROTOCOL, "not HTTP as it should be", Add::detail},
    {CURLE_OUT_OF_MEMORY, v1::PROTOCOL, "a header is too long, or memory is short", Add::nothing},
    {CURLE_SSL_CONNECT_ERROR, v1::TLS, "no secure connection", Add::detail},
    {CURLE_PEER_FAILED_VERIFICATION, v1::TLS, "the server's certificate is refused", Add::detail},
    {CURLE_SSL_CACERT_BADFILE, v1::TLS, "no certificates to check the server's against",
     Add::detail},
    {CURLE_SSL_CIPHER, v1::TLS, "no secure connection", Add::detail},
    {CURLE_SSL_CERTPROBLEM, v1::TLS, "no secure connection", Add::detail},
    {CURLE_SSL_SHUTDOWN_FAILED, v1::TLS, "no secure connection", Add::detail},
    {CURLE_SSL_INVALIDCERTSTATUS, v1::TLS, "the server's certificate is refused", Add::detail},
    {CURLE_SSL_ISSUER_ERROR, v1::TLS, "the server's certificate is refused", Add::detail},
};

constexpr Meaning kOther = {CURL_LAST, v1::PROTOCOL, "the transfer failed", Add::detail};

const Meaning& meaning_of(CURLcode code) {
  for (const Meaning& meaning : kMeanings) {
    if (meaning.code == code) return meaning;
  }
  return kOther;
}

// libcurl reports broken chunks as a receive error, which is for broken connections elsewhere.
bool breaks_chunks(CURLcode code, std::string_view detail) {
  return code == CURLE_RECV_ERROR && detail.find("chunk") != std::string_view::npos;
}

// "Received HTTP code 407 from proxy after CONNECT", "CONNECT tunnel failed, response 407"
bool is_of_proxy(CURLcode code, std::string_view detail) {
  return code == CURLE_RECV_ERROR && detail.find("CONNECT") != std::string_view::npos;
}

// A handshake that the server ended without a word.
bool ends_early(std::string_view detail) {
  return detail.find("unexpected eof") != std::string_view::npos ||
         detail.find("SSL_ERROR_SYSCALL") != std::string_view::npos;
}

bool cut_off(long system_error) { return system_error == ECONNRESET || system_error == EPIPE; }

std::string addition(const Meaning& meaning, long system_error, std::string_view detail) {
  if (meaning.add == Add::system_error && system_error != 0) {
    return ": " + std::generic_category().message(static_cast<int>(system_error));
  }
  if (meaning.add == Add::detail && !detail.empty()) return ": " + printable(detail, 200);
  return {};
}

}  // namespace

Ending ending_of(CURLcode code, long system_error, const char* detail) {
  if (breaks_chunks(code, detail)) return {v1::PROTOCOL, "a malformed chunk in the body"};
  if (is_of_proxy(code, detail)) code = CURLE_PROXY;
  if (code == CURLE_SSL_CONNECT_ERROR && (cut_off(system_error) || ends_early(detail)))
    code = CURLE_RECV_ERROR;
  const Meaning& meaning = meaning_of(code);
  return {meaning.error_class,
          std::string(meaning.words) + addition(meaning, system_error, detail)};
}

bool may_be_stale(CURLcode code) {
  return code == CURLE_SEND_ERROR || code == CURLE_RECV_ERROR || code == CURLE_GOT_NOTHING;
}

}  // namespace flagship::fetch
