// SPDX-License-Identifier: MIT
#pragma once

#include <filesystem>

#include "common/os/unique_fd.hpp"

namespace flagship::fetch {

/// Keeps a second run out of a folder. The kernel holds it, so a run that was killed leaves none.
/// It lies on the record's file, which is made when there is none, readable by its owner only: it
/// holds what was typed. Must outlive every connection of this process to the record.
class RunLock {
 public:
  /// Throws RecordError with a sentence when another run has it.
  explicit RunLock(const std::filesystem::path& folder);

  /// Whether a run is at work there. Must not be asked while this process has the record open.
  static bool held(const std::filesystem::path& folder);

 private:
  UniqueFd file_;
};

}  // namespace flagship::fetch
