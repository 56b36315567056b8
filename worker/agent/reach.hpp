// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "worker/agent/lifeline.hpp"

namespace flagship::worker {

/// The host in "tcp://host:port" or "tcp://[v6]:port"; empty: it is no such endpoint.
std::string host_in(std::string_view endpoint);

/// Tries all of these TCP endpoints at once and returns the first that somebody listens at; empty:
/// nobody did in that time. Throws LinkError when the lifeline ends.
std::string first_reachable(const std::vector<std::string>& endpoints,
                            std::chrono::milliseconds limit, const Lifeline& lifeline);

}  // namespace flagship::worker
