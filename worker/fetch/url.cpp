// SPDX-License-Identifier: MIT
#include "worker/fetch/url.hpp"

#include <arpa/inet.h>

#include <algorithm>

#include "worker/fetch/text.hpp"

namespace flagship::fetch {
namespace {

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

bool is_scheme_char(char c) {
  return is_letter(c) || (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.';
}

bool ends_authority(char c) { return c == '/' || c == '?' || c == '#' || c == '\\'; }

bool is_forbidden(char c) { return static_cast<unsigned char>(c) <= 0x20 || c == 0x7F; }

struct Span {
  std::size_t begin = 0, end = 0;
};

// From after "//" to the path.
Span whole_authority(std::string_view url) {
  const auto slashes = url.find("//");
  if (slashes == std::string_view::npos) return {};
  const std::string_view rest = url.substr(slashes + 2);
  const auto length = std::find_if(rest.begin(), rest.end(), ends_authority) - rest.begin();
  return {slashes + 2, slashes + 2 + static_cast<std::size_t>(length)};
}

// "user:password@", which may be empty.
Span userinfo(std::string_view url, Span authority) {
  const auto at = url.substr(0, authority.end).rfind('@');
  if (at == std::string_view::npos || at < authority.begin)
    return {authority.begin, authority.begin};
  return {authority.begin, at + 1};
}

Span userinfo(std::string_view url) { return userinfo(url, whole_authority(url)); }

// "host:443" of "host" or "host:".
std::string with_port(std::string_view scheme, std::string authority) {
  if (authority.ends_with(':')) authority.pop_back();
  const auto colon = authority.rfind(':');
  const bool has_port =
      colon != std::string::npos && authority.find(']', colon) == std::string::npos;
  if (!has_port) authority += scheme == "https" ? ":443" : ":80";
  return authority;
}

bool followable(std::string_view scheme) { return scheme == "http" || scheme == "https"; }

Ending refused_scheme(std::string_view scheme) {
  return {v1::REFUSED_SCHEME, "only http and https are fetched, not " + printable(scheme, 20)};
}

}  // namespace

std::string scheme_of(std::string_view url) {
  const auto end = std::find_if_not(url.begin(), url.end(), is_scheme_char);
  if (end == url.begin() || end == url.end() || *end != ':' || !is_letter(url.front())) return {};
  return lower(url.substr(0, static_cast<std::size_t>(end - url.begin())));
}

std::string authority_of(std::string_view url) {
  const Span whole = whole_authority(url);
  const auto begin = userinfo(url, whole).end;
  return lower(url.substr(begin, whole.end - begin));
}

std::string origin_of(std::string_view url) {
  const std::string scheme = scheme_of(url);
  return scheme + "://" + with_port(scheme, authority_of(url));
}

bool same_origin(std::string_view a, std::string_view b) { return origin_of(a) == origin_of(b); }

bool needs_no_lookup(std::string_view authority) {
  if (authority.starts_with('[')) return true;
  const std::string host(authority.substr(0, authority.find(':')));
  in_addr numeric{};
  return host == "localhost" || inet_pton(AF_INET, host.c_str(), &numeric) == 1;
}

std::string shown_url(std::string_view url) {
  std::string shown = printable(url, url.size());  // first: dropping a byte can make a "//"
  const Span secret = userinfo(shown);
  shown.erase(secret.begin, secret.end - secret.begin);
  return shown;
}

bool has_credentials(std::string_view url) {
  const Span secret = userinfo(url);
  return secret.end > secret.begin;
}

std::optional<Ending> refuse_url(std::string_view url) {
  const std::string scheme = scheme_of(url);
  if (scheme.empty())
    return Ending{v1::BAD_INPUT, "not a URL: it does not begin with http:// or https://"};
  if (!followable(scheme)) return refused_scheme(scheme);
  if (std::any_of(url.begin(), url.end(), is_forbidden)) {
    return Ending{v1::BAD_INPUT, "not a URL: it holds a blank or a control character"};
  }
  if (!url.substr(scheme.size()).starts_with("://") || authority_of(url).empty()) {
    return Ending{v1::BAD_INPUT, "not a URL: it names no host"};
  }
  return std::nullopt;
}

std::optional<Ending> refuse_redirect(std::string_view from, std::string_view location,
                                      unsigned followed, const RedirectRules& rules) {
  if (location.empty()) return Ending{v1::REDIRECT, "a redirect without a Location"};
  if (followed >= rules.max_redirects) {
    return Ending{v1::REDIRECT, "more than " + std::to_string(rules.max_redirects) + " redirects"};
  }
  const std::string scheme = scheme_of(location);
  if (scheme.empty()) return std::nullopt;
  if (!followable(scheme)) {
    return Ending{v1::REFUSED_SCHEME,
                  "a redirect to " + printable(scheme, 20) + ": is not followed"};
  }
  if (scheme == "http" && scheme_of(from) == "https" && !rules.allow_downgrade) {
    return Ending{v1::REDIRECT, "a redirect from https to http is not followed"};
  }
  return std::nullopt;
}

}  // namespace flagship::fetch
