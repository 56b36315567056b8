// SPDX-License-Identifier: MIT
#include "worker/fetch/file_sink.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
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
constexpr std::size_t kPiece = 64 * 1024;
constexpr int kNameAttempts = 100;

// Engines of several threads write into one folder.
std::string temporary_name() {
  static std::atomic<std::uint64_t> counter{0};
  return ".flagship-" + std::to_string(::getpid()) + "-" + std::to_string(++counter) + ".part";
}

int create(const std::string& path) {
  return ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666);
}

std::int64_t modified_at(int file) {
  struct stat status {};
  if (::fstat(file, &status) != 0) return 0;
  return std::int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec;
}

}  // namespace

std::string folder_of(const std::string& path) {
  const auto slash = path.rfind('/');
  return slash == std::string::npos ? "./" : path.substr(0, slash + 1);
}

bool sync_folder(const std::string& folder) {
  const UniqueFd fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  return fd && ::fsync(fd.get()) == 0;
}

bool sync_file_system(const std::string& folder) {
  const UniqueFd fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  return fd && ::syncfs(fd.get()) == 0;
}

void FileSink::begin(const std::string& path, v1::Fsync fsync) {
  discard();
  path_ = path;
  fsync_ = fsync;
  bytes_ = 0;
  modified_ = 0;
  error_.clear();
}

void FileSink::may_be_kept(const std::string& url, std::string validator) {
  url_ = url;
  validator_ = std::move(validator);
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

bool FileSink::go_on(Partial&& partial, const std::function<void(std::string_view)>& take) {
  validator_ = partial.validator;
  adopt(std::move(partial));
  bytes_ = 0;
  return read_back([&](std::string_view bytes) {
    take(bytes);
    bytes_ += bytes.size();
    return true;
  });
}

bool FileSink::read_back(const std::function<bool(std::string_view)>& take) {
  if (file_ < 0) return take(held_);
  if (!flush()) return false;
  std::array<char, kPiece> piece;
  for (off_t at = 0;;) {
    const ssize_t got = ::pread(file_, piece.data(), piece.size(), at);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail("cannot read", temporary_);
    if (got == 0) return true;
    if (!take({piece.data(), static_cast<std::size_t>(got)})) return false;
    at += got;
  }
}

bool FileSink::complete() {
  if (path_.empty()) return true;
  if (!flush()) return false;
  if (fsync_ == v1::FSYNC_FILE && ::fdatasync(file_) != 0) return fail("cannot write", path_);
  modified_ = modified_at(file_);  // cheaper than by its name, later
  return close_temporary();
}

bool FileSink::publish() {
  if (path_.empty()) return true;
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) return fail("cannot rename to", path_);
  temporary_.clear();
  if (!note_.empty()) ::unlink(note_.c_str());
  note_.clear();
  if (fsync_ == v1::FSYNC_FILE && !sync_folder(folder_of(path_)))
    return fail("cannot write", path_);
  path_.clear();
  return true;
}

bool FileSink::keep(std::uint64_t least) {
  if (path_.empty() || validator_.empty() || bytes_ < least) return false;
  if (!flush() || note_.empty()) return false;
  temporary_.clear();
  note_.clear();
  discard();
  return true;
}

void FileSink::discard() {
  if (file_ >= 0) ::close(file_);
  file_ = -1;
  if (!note_.empty()) ::unlink(note_.c_str());
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
  note_.clear();
  temporary_.clear();
  path_.clear();
  validator_.clear();
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
  if (!validator_.empty()) {
    if (auto partial = begin_partial(path_, url_, validator_)) {
      adopt(std::move(*partial));
      return true;
    }
  }
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

void FileSink::adopt(Partial&& partial) {
  file_ = partial.file.release();
  temporary_ = std::move(partial.data_file);
  note_ = std::move(partial.note_file);
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
