// SPDX-License-Identifier: MIT
#include "worker/fetch/shard_files.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <memory>
#include <optional>
#include <system_error>
#include <vector>

#include "common/os/unique_fd.hpp"
#include "worker/fetch/text.hpp"

namespace flagship::fetch {
namespace {

constexpr std::string_view kPrefix = ".flagship-shard-";
constexpr std::string_view kSuffix = ".part";
constexpr std::size_t kBlock = 512;

std::string numbered(std::string_view before, unsigned number, std::string_view after) {
  std::array<char, 16> digits{};
  std::snprintf(digits.data(), digits.size(), "%06u", number);
  return std::string(before) + digits.data() + std::string(after);
}

std::optional<unsigned> number_of(std::string_view name) {
  if (!name.starts_with(kPrefix) || !name.ends_with(kSuffix)) return std::nullopt;
  const auto number =
      digits(name.substr(kPrefix.size(), name.size() - kPrefix.size() - kSuffix.size()));
  return number && *number <= 999'999'999 ? std::optional(static_cast<unsigned>(*number))
                                          : std::nullopt;
}

using Block = std::array<char, kBlock>;

// In octal digits, or, when there is no room for them, big-endian after a byte of 0x80.
std::uint64_t size_field(const Block& header) {
  constexpr std::size_t kAt = 124, kLength = 12;
  std::uint64_t size = 0;
  const bool binary = (static_cast<unsigned char>(header[kAt]) & 0x80) != 0;
  for (std::size_t i = kAt + (binary ? 4 : 0); i < kAt + kLength; ++i) {
    if (binary) {
      size = size << 8 | static_cast<unsigned char>(header[i]);
    } else if (header[i] >= '0' && header[i] <= '7') {
      size = size << 3 | static_cast<unsigned>(header[i] - '0');
    }
  }
  return size;
}

// A header that says how the next entry is called.
bool is_of_next(const Block& header) {
  const char kind = header[156];
  return kind == 'L' || kind == 'K' || kind == 'x' || kind == 'g';
}

std::uint64_t size_of(int file) {
  struct stat status {};
  if (::fstat(file, &status) != 0) throw std::system_error(errno, std::generic_category(), "fstat");
  return static_cast<std::uint64_t>(status.st_size);
}

// Its zeros are a hole, which needs no room: there may be none left on the disk.
bool end_at(int file, std::uint64_t end) {
  return ::ftruncate(file, static_cast<off_t>(end)) == 0 &&
         ::ftruncate(file, static_cast<off_t>(end + kEndOfTar)) == 0;
}

bool recover(const std::string& folder, unsigned number) {
  const std::string temporary = folder + "/" + unfinished_shard(number);
  const UniqueFd file(::open(temporary.c_str(), O_RDWR | O_APPEND | O_CLOEXEC | O_NOFOLLOW));
  if (!file || ::flock(file.get(), LOCK_EX | LOCK_NB) != 0) return false;
  const std::uint64_t end = end_of_items(file.get());
  if (end == 0) {
    ::unlink(temporary.c_str());
    return false;
  }
  if (!end_at(file.get(), end) || ::fdatasync(file.get()) != 0 ||
      !complete_shard(folder, temporary, finished_shard(number)))
    throw std::system_error(errno, std::generic_category(), "cannot complete " + temporary);
  return true;
}

}  // namespace

std::string unfinished_shard(unsigned number) { return numbered(kPrefix, number, kSuffix); }

std::string finished_shard(unsigned number) { return numbered("shard-", number, ".tar"); }

bool complete_shard(const std::string& folder, const std::string& temporary,
                    const std::string& name) {
  const std::string path = folder + "/" + name;
  if (::link(temporary.c_str(), path.c_str()) == 0) return ::unlink(temporary.c_str()) == 0;
  // Some file systems have no links.
  if (errno == EEXIST || ::access(path.c_str(), F_OK) == 0) return false;
  return ::rename(temporary.c_str(), path.c_str()) == 0;
}

std::uint64_t end_of_items(int file) {
  const std::uint64_t size = size_of(file);
  std::uint64_t at = 0, end = 0;
  int entries = 0;
  Block header;
  while (size - at >= kBlock && ::pread(file, header.data(), kBlock, static_cast<off_t>(at)) ==
                                    static_cast<ssize_t>(kBlock)) {
    if (header[0] == '\0') break;  // the zeros at the end
    const std::uint64_t body = size_field(header);
    if (body > size - at - kBlock) break;
    at += kBlock + (body + kBlock - 1) / kBlock * kBlock;
    if (at > size) break;
    if (!is_of_next(header) && ++entries % kEntriesOfItem == 0) end = at;
  }
  return end;
}

int recover_shards(const std::string& folder) {
  const std::unique_ptr<DIR, int (*)(DIR*)> entries(opendir(folder.c_str()), closedir);
  if (!entries) return 0;
  std::vector<unsigned> left;
  while (const dirent* entry = readdir(entries.get()))
    if (const auto number = number_of(entry->d_name)) left.push_back(*number);
  int completed = 0;
  for (const unsigned number : left) completed += recover(folder, number) ? 1 : 0;
  return completed;
}

}  // namespace flagship::fetch
