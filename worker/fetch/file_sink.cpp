// SPDX-License-Identifier: MIT
#include "worker/fetch/file_sink.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <system_error>
#include <utility>

#include "worker/fetch/text.hpp"

namespace flagship::fetch {
namespace {

constexpr std::size_t kHeldAtMost = 256 * 1024;
// Capacity that an idle sink may keep.
constexpr std::size_t kKeptAtMost = 4 * 1024;
constexpr int kNameAttempts = 100;

std::string folder_of(const std::string& path) {
  const auto slash = path.rfind('/');
  return slash == std::string::npos ? std::string() : path.substr(0, slash + 1);
}

// Engines of several threads write into one folder.
std::string temporary_name() {
  static std::atomic<std::uint64_t> counter{0};
  return ".flagship-" + std::to_string(::getpid()) + "-" + std::to_string(++counter) + ".part";
}

int create(const std::string& path) {
  return ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666);
}

}  // namespace

void FileSink::begin(const std::string& path) {
  discard();
  path_ = path;
  bytes_ = 0;
  error_.clear();
}

void FileSink::expect(std::uint64_t length) {
  if (path_.empty() || length > kHeldAtMost || length > budget_.left) return;
  held_.reserve(static_cast<std::size_t>(length));
}

bool FileSink::add(std::string_view bytes) {
  bytes_ += bytes.size();
  if (path_.empty()) return true;
  if (!keeps_in_memory(bytes.size()) && !flush()) return false;
  if (!keeps_in_memory(bytes.size())) return write_out(bytes);
  held_ += bytes;
  charged_ += bytes.size();
  budget_.left -= bytes.size();
  return true;
}

bool FileSink::keeps_in_memory(std::size_t more) const {
  return held_.size() + more <= kHeldAtMost && more <= budget_.left;
}

bool FileSink::commit() {
  if (path_.empty()) return true;
  if (!flush() || !close_temporary()) return false;
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) return fail("cannot rename to", path_);
  temporary_.clear();
  path_.clear();
  return true;
}

void FileSink::discard() {
  if (file_ >= 0) ::close(file_);
  file_ = -1;
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
  temporary_.clear();
  path_.clear();
  release_memory();
}

bool FileSink::flush() {
  const bool written = (file_ >= 0 || open_temporary()) && write_out(held_);
  release_memory();
  return written;
}

bool FileSink::write_out(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(file_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return fail("cannot write", path_);
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

bool FileSink::open_temporary() {
  const std::string folder = folder_of(path_);
  for (int attempt = 0; attempt < kNameAttempts; ++attempt) {
    temporary_ = folder + temporary_name();
    file_ = create(temporary_);
    if (file_ >= 0) return true;
    if (errno != EEXIST) break;
  }
  fail("cannot create a file beside", path_);
  temporary_.clear();
  return false;
}

bool FileSink::close_temporary() {
  const int file = std::exchange(file_, -1);
  // Some file systems tell only now that there was no room. After EINTR the descriptor is closed
  // all the same.
  return ::close(file) == 0 || errno == EINTR || fail("cannot write", path_);
}

void FileSink::release_memory() {
  budget_.left += std::exchange(charged_, 0);
  held_.clear();
  if (held_.capacity() > kKeptAtMost) std::string().swap(held_);
}

bool FileSink::fail(std::string_view what, const std::string& path) {
  const std::string why = std::generic_category().message(errno);
  error_ = std::string(what) + " " + printable(path, 200) + ": " + why;
  return false;
}

}  // namespace flagship::fetch
