// SPDX-License-Identifier: MIT
// An agent: a worker whose runner is a pool of the processes of its host.
#pragma once

#include <string>

namespace flagship::worker {

/// argv[1] of an agent whose ticket comes on standard input, and of one that joins by itself with
/// keys from there: then its master's endpoint follows, and how many workers it is to have (0: as
/// its master says).
inline constexpr const char* kAgentFlag = "--flagship-agent";
inline constexpr const char* kJoinFlag = "--flagship-join";

/// Works until its master is gone or wants no more of it, and ends the process.
[[noreturn]] void be_agent();
[[noreturn]] void be_joining_agent(const std::string& endpoint, int workers);

}  // namespace flagship::worker
