// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "common/os/unique_fd.hpp"
#include "flagship/v1/fetch.pb.h"

struct archive;
struct archive_entry;

namespace flagship::fetch {

/// Bodies in tar files of some size, in WebDataset's layout: each item is two entries, the body
/// under its name and what is known of it as NAME.json with the extension replaced. A shard is
/// ".flagship-shard-000000.part" while it grows and "shard-000000.tar" when it is complete; numbers
/// are taken by making the file, so many writers share a folder. One thread.
class Shards {
 public:
  using Take = std::function<bool(std::string_view)>;
  /// Tells a body piece by piece; false: it could not, or `take` refused.
  using Body = std::function<bool(const Take& take)>;

  /// `bytes`: what a shard holds before the next is begun.
  Shards(std::string folder, std::uint64_t bytes, v1::Fsync fsync);
  /// Completes the shard that is open.
  ~Shards();
  Shards(const Shards&) = delete;
  Shards& operator=(const Shards&) = delete;

  /// False: `error()` says why, and nothing of it is in the shard. True: it is in memory yet.
  bool add(const std::string& name, std::uint64_t size, std::string_view note, const Body& body);
  /// What was added is in the file. False: all since the last time is not.
  bool flush();
  bool pending() const { return !buffer_.empty() || written_ > good_; }

  /// Of the shard that was added to last, when it is complete.
  const std::string& name() const { return name_; }
  const std::string& error() const { return error_; }
  /// A name in the folder, of no file.
  std::string scratch() const { return folder_ + "/body"; }

 private:
  struct Free {
    void operator()(archive* tar) const;
    void operator()(archive_entry* entry) const;
  };

  bool open();
  bool finish();
  bool begin_tar();
  bool add_entry(const std::string& name, std::uint64_t size, const Body& body);
  bool write_out();
  void take_back(std::uint64_t end);
  bool fail(std::string_view what);

  const std::string folder_;
  const std::uint64_t bytes_;
  const v1::Fsync fsync_;
  UniqueFd file_;
  std::string temporary_, name_, error_;
  std::unique_ptr<archive, Free> tar_;
  std::unique_ptr<archive_entry, Free> entry_;
  std::string buffer_;         // what is not in the file yet
  unsigned next_ = 0;          // number to try
  std::uint64_t written_ = 0;  // bytes of the file
  std::uint64_t good_ = 0;     // of these, whole and flushed
};

/// What is told of an item beside its body.
std::string note_in_shard(const std::string& url, const v1::FetchResult& result);

}  // namespace flagship::fetch
