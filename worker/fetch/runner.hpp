// SPDX-License-Identifier: MIT
#pragma once

#include "worker/fetch/runner_tasks.hpp"
#include "worker/runtime/session.hpp"

namespace flagship::worker {

/// Carries out downloads, as many at once as the supervisor allows, on one epoll with the
/// supervisor's socket.
void run_fetches(Session& session);

/// Initialises libcurl and what it is made of.
void prepare_fetches();

}  // namespace flagship::worker
