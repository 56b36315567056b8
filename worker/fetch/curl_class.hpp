// SPDX-License-Identifier: MIT
#pragma once

#include <curl/curl.h>

#include "worker/fetch/ending.hpp"

namespace flagship::fetch {

/// What libcurl's error means to whoever asked for the file. `system_error`: CURLINFO_OS_ERRNO.
/// `detail`: libcurl's own words (CURLOPT_ERRORBUFFER), shown where they tell more than the code.
Ending ending_of(CURLcode code, long system_error, const char* detail);

/// Whether an idle connection that the server has just closed ends a request in this way.
bool may_be_stale(CURLcode code);

}  // namespace flagship::fetch
