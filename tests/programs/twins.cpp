// SPDX-License-Identifier: MIT
// Two files each register an exception of the same name, which must not be mixed up.
#include <flagship/flagship.hpp>
#include <stdexcept>

namespace {

struct Twin : std::runtime_error {
  using std::runtime_error::runtime_error;
};

}  // namespace

FLAGSHIP_EXCEPTION(Twin)

int main() {}
