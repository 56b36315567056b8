// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace flagship::fetch {

/// Memory that all sinks of an engine may hold together, so that thousands of transfers stay
/// bounded.
struct BufferBudget {
  std::size_t left = 64 * 1024 * 1024;
};

/// A body on its way into a file. Small ones stay in memory and become a file in one go; larger
/// ones flow into a temporary file, ".flagship-PID-N.part" in the folder of the final name. Only
/// `commit()` makes the final name, of a complete file; anything else leaves nothing behind. Used
/// again and again.
class FileSink {
 public:
  explicit FileSink(BufferBudget& budget) : budget_(budget) {}
  ~FileSink() { discard(); }
  FileSink(const FileSink&) = delete;
  FileSink& operator=(const FileSink&) = delete;

  /// `path`: the final name; empty: bytes are counted and dropped.
  void begin(const std::string& path);
  /// `length`: what the body will probably hold; saves growing.
  void expect(std::uint64_t length);

  /// False: `error()` says why; `discard()` is all that can follow.
  bool add(std::string_view bytes);
  bool commit();
  void discard();

  std::uint64_t bytes() const { return bytes_; }
  /// One sentence, naming file and system error.
  const std::string& error() const { return error_; }

 private:
  bool keeps_in_memory(std::size_t more) const;
  bool flush();
  bool write_out(std::string_view bytes);
  bool open_temporary();
  bool close_temporary();
  void release_memory();
  bool fail(std::string_view what, const std::string& path);

  BufferBudget& budget_;
  std::string path_, temporary_, held_, error_;
  std::size_t charged_ = 0;
  std::uint64_t bytes_ = 0;
  int file_ = -1;
};

}  // namespace flagship::fetch
