// SPDX-License-Identifier: MIT
#pragma once

namespace flagship::cli {

enum ExitCode {
  kAllWell = 0,
  kSomeFailed = 1,
  kUsage = 2,
  kBroken = 3,       // could not start, or broke
  kSignalled = 128,  // plus the signal's number
};

}  // namespace flagship::cli
