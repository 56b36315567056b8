// SPDX-License-Identifier: MIT
#pragma once

namespace flagship::detail {

/// What `flagship::init` found this process to be.
enum class Role { unknown, master, worker };

Role role();
/// Before any thread is started.
void set_role(Role role);

}  // namespace flagship::detail
