// SPDX-License-Identifier: MIT
#pragma once

namespace flagship::worker {

/// The name of the task that downloads: FetchRequest -> FetchResult.
inline constexpr const char* kFetchTask = "fetch";
/// Of one that answers with the bytes that it is given, for those who measure the way here.
inline constexpr const char* kEchoTask = "echo";

}  // namespace flagship::worker
