// SPDX-License-Identifier: MIT
#include "worker/fetch/redirect_target.hpp"

#include <curl/curl.h>

#include <memory>

namespace flagship::fetch {
namespace {

struct Free {
  void operator()(CURLU* url) const { curl_url_cleanup(url); }
  void operator()(char* text) const { curl_free(text); }
};

}  // namespace

std::optional<std::string> redirect_target(const std::string& base, const std::string& location) {
  const std::unique_ptr<CURLU, Free> url(curl_url());
  if (!url || curl_url_set(url.get(), CURLUPART_URL, base.c_str(), 0) != CURLUE_OK)
    return std::nullopt;
  if (curl_url_set(url.get(), CURLUPART_URL, location.c_str(), CURLU_URLENCODE) != CURLUE_OK) {
    return std::nullopt;
  }
  char* text = nullptr;
  if (curl_url_get(url.get(), CURLUPART_URL, &text, 0) != CURLUE_OK) return std::nullopt;
  return std::string(std::unique_ptr<char, Free>(text).get());
}

}  // namespace flagship::fetch
