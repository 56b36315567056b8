// SPDX-License-Identifier: MIT
// The only code that ends the futures of a process pool.
#pragma once

#include <memory>
#include <string>

#include "common/wire/up.hpp"
#include "flagship/detail/call.hpp"
#include "flagship/error.hpp"

namespace flagship::pool {

/// Ends a call with what its worker answered. A payload that cannot be read fails this call only.
void complete(detail::RemoteCall& call, const wire::CallResult& result, std::uint32_t attempt,
              const std::shared_ptr<const detail::Place>& place);
/// With the death of the worker that ran it; `death` is completed with what is known of the call.
void complete_dead(detail::RemoteCall& call, Death death, std::uint32_t attempt,
                   const std::shared_ptr<const detail::Place>& place);
/// With the end of the time that it was given.
void complete_timed_out(detail::RemoteCall& call, duration timeout, std::uint32_t attempt,
                        const std::shared_ptr<const detail::Place>& place);
void complete_broken(detail::RemoteCall& call, const std::string& cause);

}  // namespace flagship::pool
