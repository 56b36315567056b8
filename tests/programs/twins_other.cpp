// SPDX-License-Identifier: MIT
// The other one.
#include <flagship/flagship.hpp>
#include <stdexcept>

namespace {

struct Twin : std::runtime_error {
  using std::runtime_error::runtime_error;
};

}  // namespace

FLAGSHIP_EXCEPTION(Twin)
