// SPDX-License-Identifier: MIT
// Results of downloads that did not take place.
#pragma once

#include <cstdint>

#include "flagship/v1/fetch.pb.h"

namespace flagship::fetch {

inline v1::FetchResult ok(std::uint64_t bytes = 3) {
  v1::FetchResult result;
  result.set_outcome(v1::FETCH_OK);
  result.set_status(200);
  result.set_bytes(bytes);
  return result;
}

inline v1::FetchResult failed(v1::FetchClass why, unsigned status = 0) {
  v1::FetchResult result;
  result.set_outcome(v1::FETCH_ERROR);
  result.set_error_class(why);
  result.set_status(status);
  return result;
}

inline v1::FetchResult answered(unsigned status) { return failed(v1::HTTP_STATUS, status); }

inline v1::FetchResult not_found() {
  v1::FetchResult result;
  result.set_outcome(v1::FETCH_NOT_FOUND);
  result.set_status(404);
  return result;
}

}  // namespace flagship::fetch
