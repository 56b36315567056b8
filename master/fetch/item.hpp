// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "flagship/v1/fetch.pb.h"

namespace flagship::fetch {

/// One file that is asked for.
struct Item {
  std::uint64_t index = 0;  // its turn in the run, from 0
  std::string key;          // what the user calls it
  std::string url;
  std::string path;                   // where the complete file goes; empty: it is not kept
  std::string trouble;                // not empty: it is not even tried, and why
  std::optional<std::string> name{};  // what its file is to be called, if its list says so
  std::string expected_sha256{};      // 32 bytes; empty: any body will do
  v1::FetchClass trouble_class = v1::BAD_INPUT;  // NONE: that is no error, it is skipped
  std::uint64_t place = 0;                       // in its list, from 0; also where a run goes on
  // Of the file that is there from an earlier run: it is replaced only if it has changed since.
  std::string etag{};
  std::string last_modified{};
};

}  // namespace flagship::fetch
