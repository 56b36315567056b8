// SPDX-License-Identifier: MIT
#include "master/pool/io/memory.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <string>
#include <string_view>

#include "common/os/unique_fd.hpp"

namespace flagship::pool {

// "SIZE RESIDENT SHARED ...", in pages.
std::optional<std::uint64_t> resident_bytes_of(pid_t process) {
  const std::string path = "/proc/" + std::to_string(process) + "/statm";
  const UniqueFd statm(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::array<char, 128> buffer;
  const ssize_t got = statm ? read(statm.get(), buffer.data(), buffer.size()) : -1;
  if (got <= 0) return std::nullopt;
  std::string_view text(buffer.data(), static_cast<std::size_t>(got));
  text.remove_prefix(std::min(text.size(), text.find(' ') + 1));
  std::uint64_t pages = 0;
  if (std::from_chars(text.data(), text.data() + text.size(), pages).ec != std::errc())
    return std::nullopt;
  return pages * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

}  // namespace flagship::pool
