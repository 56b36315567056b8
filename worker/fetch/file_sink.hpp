// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "flagship/v1/fetch.pb.h"
#include "worker/fetch/partial.hpp"

namespace flagship::fetch {

/// The folder of `path`, with its slash; "./" when it has none.
std::string folder_of(const std::string& path);

/// What has happened to names in `folder`, a folder, is on the disk. False: errno says why.
bool sync_folder(const std::string& folder);

/// So is everything on its file system.
bool sync_file_system(const std::string& folder);

/// Memory that all sinks of an engine may hold together, so that thousands of transfers stay
/// bounded.
struct BufferBudget {
  std::size_t left = 64 * 1024 * 1024;
};

/// A body on its way into a file. Small ones stay in memory and become a file in one go; larger
/// ones flow into a temporary file, ".flagship-PID-N.part" in the folder of the final name. Only
/// `publish()` makes the final name, of a complete file; anything else leaves nothing behind, but
/// what `keep()` keeps. Used again and again.
class FileSink {
 public:
  explicit FileSink(BufferBudget& budget) : budget_(budget) {}
  ~FileSink() { discard(); }
  FileSink(const FileSink&) = delete;
  FileSink& operator=(const FileSink&) = delete;

  /// `path`: the final name; empty: bytes are counted and dropped.
  void begin(const std::string& path, v1::Fsync fsync = v1::FSYNC_NONE);
  /// `length`: what the body will probably hold; saves growing.
  void expect(std::uint64_t length);
  /// What comes is the body of `url` that `validator` names, and may be kept when it is cut off.
  void may_be_kept(const std::string& url, std::string validator);
  /// Goes on where one ended that was kept; `take` is told what is there.
  bool go_on(Partial&& partial, const std::function<void(std::string_view)>& take);

  /// False: `error()` says why; `discard()` is all that can follow. So with all that return a bool.
  bool add(std::string_view bytes);
  /// Everything is in the file, and on the disk if each file has to be.
  bool complete();
  /// It gets its final name; after `complete()`.
  bool publish();
  /// Tells all that has come, before `complete()`.
  bool read_back(const std::function<bool(std::string_view)>& take);
  /// Leaves what there is for a later attempt, if it may and is at least so much.
  bool keep(std::uint64_t least);
  void discard();

  /// When the complete file was last written to, in nanoseconds since 1970; 0: not known.
  std::int64_t modified() const { return modified_; }
  /// Of the whole body, what was there before included.
  std::uint64_t bytes() const { return bytes_; }
  std::string folder() const { return folder_of(path_); }
  /// One sentence, naming file and system error.
  const std::string& error() const { return error_; }

 private:
  bool keeps_in_memory(std::size_t more) const;
  bool flush();
  bool write_out(std::string_view bytes);
  bool open_temporary();
  bool close_temporary();
  void adopt(Partial&& partial);
  void release_memory();
  bool fail(std::string_view what, const std::string& path);

  BufferBudget& budget_;
  v1::Fsync fsync_ = v1::FSYNC_NONE;
  std::string path_, temporary_, note_, held_, error_;
  std::string url_, validator_;  // of what may be kept
  std::size_t charged_ = 0;
  std::uint64_t bytes_ = 0;
  std::int64_t modified_ = 0;
  int file_ = -1;
};

}  // namespace flagship::fetch
