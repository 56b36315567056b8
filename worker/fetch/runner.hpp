// SPDX-License-Identifier: MIT
#pragma once

#include "worker/runtime/session.hpp"

namespace flagship::worker {

/// The name of the task that downloads: FetchRequest -> FetchResult.
inline constexpr const char* kFetchTask = "fetch";

/// Carries out downloads, as many at once as the supervisor allows, on one epoll with the
/// supervisor's socket.
void run_fetches(Session& session);

}  // namespace flagship::worker
