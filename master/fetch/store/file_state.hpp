// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace flagship::fetch {

/// By which a file is known again.
struct FileState {
  std::int64_t bytes = 0;
  std::int64_t modified = 0;  // nanoseconds since 1970
};

/// Nothing: there is no regular file of that name.
std::optional<FileState> state_of(const std::string& path);

/// Whether anything has that name.
bool is_there(const std::string& path);

/// What a path is called in its folder.
std::string_view name_in(std::string_view path);

}  // namespace flagship::fetch
