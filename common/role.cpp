// SPDX-License-Identifier: MIT
#include "common/role.hpp"

#include <atomic>

namespace flagship::detail {
namespace {
std::atomic<Role> this_process{Role::unknown};
}

Role role() { return this_process.load(std::memory_order_relaxed); }
void set_role(Role role) { this_process.store(role, std::memory_order_relaxed); }

}  // namespace flagship::detail
