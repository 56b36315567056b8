// SPDX-License-Identifier: MIT
// A URL, and in the next line where an answer redirects to.
#include "worker/fetch/url.hpp"

#include <algorithm>

#include "tests/fuzz/target.hpp"
#include "worker/fetch/literal_address.hpp"
#include "worker/fetch/redirect_target.hpp"
#include "worker/fetch/text.hpp"

namespace {

using namespace flagship::fetch;
using flagship::fuzz::check;

void check_url(std::string_view url) {
  const std::string shown = shown_url(url);
  check(!has_credentials(shown), "no password is ever shown");
  check(printable(shown, shown.size()) == shown, "what is shown can be shown");
  const std::string scheme = scheme_of(url);
  check(scheme == lower(scheme), "a scheme is in lower case");
  const std::string authority = authority_of(url);
  check(authority.find_first_of("/?#@\\") == std::string::npos, "an authority is host and port");
  needs_no_lookup(authority);
  check(same_origin(url, url), "a URL has its own origin");
  if (const auto address = literal_address(std::string(url)))
    check(!address_text(*address).empty(), "an address in place of a name can be shown");
  if (const auto refused = refuse_url(url)) {
    check(!refused->reason.empty(), "a refusal says why");
  } else {
    check(scheme == "http" || scheme == "https", "only http and https are fetched");
    check(!authority.empty(), "there is a host");
  }
}

void check_redirect(const std::string& from, const std::string& location) {
  const RedirectRules rules{5, false};
  if (refuse_redirect(from, location, 0, rules)) return;
  const auto target = redirect_target(from, location);
  if (!target) return;
  const std::string scheme = scheme_of(*target);
  check(scheme == "http" || scheme == "https", "a redirect leads to http or https");
  check(scheme == "https" || scheme_of(from) == "http", "never from https to http");
  check_url(*target);
}

}  // namespace

FUZZ_TARGET(url) {
  const std::size_t end = std::min(bytes.find('\n'), bytes.size());
  const std::string from(bytes.substr(0, end));
  const std::string location(bytes.substr(std::min(end + 1, bytes.size())));
  check_url(from);
  check_url(location);
  if (!refuse_url(from)) check_redirect(from, location);
  check_redirect("https://user:secret@host.example:8443/a/b?c#d", std::string(bytes));
}
