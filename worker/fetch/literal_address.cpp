// SPDX-License-Identifier: MIT
#include "worker/fetch/literal_address.hpp"

#include <curl/curl.h>

#include <memory>
#include <string_view>

#include "worker/fetch/text.hpp"

namespace flagship::fetch {
namespace {

struct Free {
  void operator()(CURLU* url) const { curl_url_cleanup(url); }
  void operator()(char* text) const { curl_free(text); }
};

std::string part_of(CURLU* url, CURLUPart part) {
  char* text = nullptr;
  if (curl_url_get(url, part, &text, CURLU_DEFAULT_PORT | CURLU_URLDECODE) != CURLUE_OK) return {};
  return std::unique_ptr<char, Free>(text).get();
}

bool is_localhost(std::string_view host) {
  if (host.ends_with('.')) host.remove_suffix(1);
  const auto dot = host.rfind('.');
  return same_word(dot == std::string_view::npos ? host : host.substr(dot + 1), "localhost");
}

}  // namespace

// libcurl spells addresses as dotted decimals, whatever they were.
std::optional<Endpoint> literal_address(const std::string& text) {
  const std::unique_ptr<CURLU, Free> url(curl_url());
  if (!url || curl_url_set(url.get(), CURLUPART_URL, text.c_str(), 0) != CURLUE_OK)
    return std::nullopt;
  std::string host = part_of(url.get(), CURLUPART_HOST);
  if (is_localhost(host)) host = "127.0.0.1";
  if (host.ends_with('.')) host.pop_back();
  if (const auto zone = host.find('%'); zone != std::string::npos)
    host = host.substr(0, zone) + "]";
  return parse_endpoint(host + ":" + part_of(url.get(), CURLUPART_PORT));
}

}  // namespace flagship::fetch
