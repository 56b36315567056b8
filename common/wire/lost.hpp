// SPDX-License-Identifier: MIT
// A call that ended with its worker on another host, on its way home.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "flagship/error.hpp"

namespace flagship::wire {

struct LostCall {
  Death death;        // of the worker; which call it was, the receiver knows
  std::string notes;  // what the call had noted of a chunk
};

std::string pack_lost(const Death& death, std::string_view notes);
/// Nothing is known when it cannot be read.
LostCall unpack_lost(std::string_view bytes);

}  // namespace flagship::wire
