// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "worker/fetch/ending.hpp"

// What must be known of a URL before libcurl reads it, and where redirects lead. Taking addresses
// apart for good is libcurl's job: nothing here decides what may be connected to.
namespace flagship::fetch {

/// "https" of "HTTPS://host/"; empty when there is none.
std::string scheme_of(std::string_view url);

/// Host and port as written, in lower case, without user and password.
std::string authority_of(std::string_view url);

/// "https://host:443": scheme, host and port in lower case, the usual port filled in.
std::string origin_of(std::string_view url);

/// Whether both have the same scheme, host and port, ports left out included.
bool same_origin(std::string_view a, std::string_view b);

/// Whether finding the host's address takes no question to a name server.
bool needs_no_lookup(std::string_view authority);

/// `url` without user and password, fit to be shown.
std::string shown_url(std::string_view url);

bool has_credentials(std::string_view url);

/// Why a request for `url` cannot even begin; nothing when it can.
std::optional<Ending> refuse_url(std::string_view url);

struct RedirectRules {
  unsigned max_redirects = 0;
  bool allow_downgrade = false;
};

/// Why the redirect from `from` with this Location, after `followed` others, is not followed.
std::optional<Ending> refuse_redirect(std::string_view from, std::string_view location,
                                      unsigned followed, const RedirectRules& rules);

}  // namespace flagship::fetch
