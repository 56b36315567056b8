// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "flagship/hosts.hpp"
#include "flagship/v1/fetch.pb.h"
#include "master/cli/fetch_options.hpp"
#include "master/fetch/country_codes.hpp"
#include "master/fetch/list.hpp"

namespace flagship::cli {

/// What `fetch` is going to do, worked out from its options before anything is started.
struct FetchPlan {
  bool flags = true;  // codes; else a list
  fetch::Codes codes;
  fetch::List list;
  std::string
      url_template;       // of codes; the built-in server's base is put in front when it is known
  std::string label;      // "DELAY"
  bool built_in = false;  // the run starts a practice server
  serve::Options practice;
  std::size_t workers = 1;
  std::size_t in_flight = 1;
  std::optional<Hosts> hosts;  // nothing: this machine
};

/// Throws std::invalid_argument with a sentence for options that do not go together. A list that is
/// a file is counted, as far as it matters; that it cannot be read is for later.
FetchPlan plan_fetch(const FetchOptions& options);

/// `engines`: how many share the run's bytes a second.
v1::FetchLimits limits_of(const FetchOptions& options, std::size_t engines = 1);

/// "20 concurrent connections, 4 worker processes."
std::string connections_line(const FetchOptions& options, const FetchPlan& plan);

}  // namespace flagship::cli
