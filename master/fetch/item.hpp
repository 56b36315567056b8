// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace flagship::fetch {

/// One file that is asked for.
struct Item {
  std::uint64_t index = 0;  // its turn in the run, from 0
  std::string key;          // what the user calls it
  std::string url;
  std::string path;                   // where the complete file goes; empty: it is not kept
  std::string trouble;                // not empty: it cannot even be tried, and why
  std::optional<std::string> name{};  // what its file is to be called, if its list says so
  std::string expected_sha256{};      // 32 bytes; empty: any body will do
};

}  // namespace flagship::fetch
