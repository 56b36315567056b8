// SPDX-License-Identifier: MIT
#include "flagship/init.hpp"

#include "common/role.hpp"
#include "worker/runtime/call_runner.hpp"
#include "worker/runtime/entry.hpp"

namespace flagship {

void init(int argc, char** argv) {
  worker::enter_if_started_by_supervisor(argc, argv, worker::run_calls);
  detail::set_role(detail::Role::master);
}

}  // namespace flagship
