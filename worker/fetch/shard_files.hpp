// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

// The files that shards are: what they are called, how one is completed, and what a dead writer
// left.
namespace flagship::fetch {

/// Each item is so many entries.
inline constexpr int kEntriesOfItem = 2;
/// So many zeros end a tar file.
inline constexpr std::size_t kEndOfTar = 1024;

/// ".flagship-shard-000007.part"
std::string unfinished_shard(unsigned number);
/// "shard-000007.tar"
std::string finished_shard(unsigned number);

/// Gives a shard its final name, which nothing may have. False: errno says why.
bool complete_shard(const std::string& folder, const std::string& temporary,
                    const std::string& name);

/// Where the last whole item of a tar file ends.
std::uint64_t end_of_items(int file);

/// Completes what dead writers left in `folder`: each shard up to its last whole item. Those that
/// somebody writes to are left alone. How many were completed; throws std::system_error.
int recover_shards(const std::string& folder);

}  // namespace flagship::fetch
