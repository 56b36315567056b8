// SPDX-License-Identifier: MIT
#include "master/fetch/store/run_lock.hpp"

#include <fcntl.h>

#include <cerrno>
#include <cstring>

#include "master/fetch/store/schema.hpp"

namespace flagship::fetch {
namespace {

// SQLite locks bytes of the same file around 2^30; this one is far behind them. A lock of the open
// file (OFD) is not lost, as a process's is, when another descriptor of the file is closed.
struct flock whole_run() {
  struct flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  lock.l_start = off_t{1} << 62;
  lock.l_len = 1;
  return lock;
}

}  // namespace

RunLock::RunLock(const std::filesystem::path& folder)
    : file_(open(record_file(folder).c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600)) {
  const std::string name = record_file(folder).string();
  if (!file_) throw RecordError("cannot use the record '" + name + "': " + std::strerror(errno));
  struct flock lock = whole_run();
  if (fcntl(file_.get(), F_OFD_SETLK, &lock) == 0) return;
  if (errno == EAGAIN || errno == EACCES)
    throw RecordError("another run is at work in '" + folder.string() +
                      "': wait for its end, or take another folder (-o)");
  throw RecordError("cannot lock the record '" + name + "': " + std::strerror(errno));
}

bool RunLock::held(const std::filesystem::path& folder) {
  const UniqueFd file(open(record_file(folder).c_str(), O_RDONLY | O_CLOEXEC));
  struct flock lock = whole_run();
  return file && fcntl(file.get(), F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

}  // namespace flagship::fetch
