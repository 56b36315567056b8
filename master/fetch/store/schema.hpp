// SPDX-License-Identifier: MIT
// What a run's record looks like on disk; README.md explains it to its readers.
#pragma once

#include <filesystem>

#include "master/fetch/store/run_lock.hpp"
#include "master/fetch/store/sqlite.hpp"

namespace flagship::fetch {

/// Where a folder's record is. Hidden: no downloaded file is ever called so.
std::filesystem::path record_file(const std::filesystem::path& folder);

/// Whether there is one.
bool has_record(const std::filesystem::path& folder);

/// Opens a folder's record to be written, by who holds its lock, and makes its tables when it has
/// none. Throws RecordError, also for what another program or another version of this one wrote.
Database open_record(const std::filesystem::path& folder, const RunLock& lock);

/// Opens it to be read, also while a run writes it. Throws RecordError when there is none.
Database open_record_to_read(const std::filesystem::path& folder);

}  // namespace flagship::fetch
