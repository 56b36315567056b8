// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include "flagship/v1/fetch.pb.h"

namespace flagship::fetch {

/// Why a transfer is no complete, saved file: a class and one sentence without the URL.
struct Ending {
  v1::FetchClass error_class = v1::NONE;
  std::string reason;
};

}  // namespace flagship::fetch
