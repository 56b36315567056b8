// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "master/fetch/run.hpp"
#include "master/fetch/store/run_lock.hpp"
#include "master/fetch/store/sqlite.hpp"

namespace flagship::fetch {

/// What a record says of a run as a whole.
struct RunFacts {
  std::string arguments;  // JSON: each option with its values
  std::size_t most_in_flight = 1;
  std::optional<std::uint64_t> expected{};  // items, when known
  bool resume = false;                      // go on with the run that is there
  bool careful = false;                     // a transaction is on the disk itself before it counts
};

/// An attempt that another one follows.
struct FailedAttempt {
  std::uint64_t place = 0;
  int number = 1;
  v1::FetchResult result;
  Outcome where;
};

/// An item that is about to begin, under a name that is now taken.
struct BegunItem {
  std::uint64_t place = 0;
  std::string key, url, path;
};

/// What is written together.
struct RecordBatch {
  std::vector<BegunItem> begun;
  std::vector<FailedAttempt> failed;
  std::vector<const ItemReport*> ended;
  std::uint64_t under_way = 0;  // items that have begun and not ended

  bool empty() const { return begun.empty() && failed.empty() && ended.empty(); }
};

/// The record of the run in a folder, while it is written. One thread at a time. Throws RecordError
/// with a sentence for whatever goes wrong.
class Record {
 public:
  /// Begins a run there, or goes on with the one that is there. No other run can be at work in the
  /// folder as long as this lives.
  Record(const std::filesystem::path& folder, const RunFacts& facts);
  /// A record of nothing is not kept: the folder may have been made for it.
  ~Record();
  Record(const Record&) = delete;
  Record& operator=(const Record&) = delete;

  /// A run that was not complete had to make room for this one.
  bool replaced_unfinished() const { return replaced_unfinished_; }

  /// One transaction.
  void write(const RecordBatch& batch);

  /// The run is over. `items`: how many its list holds, when it was read to its end; what the
  /// record has beyond them is of a longer list.
  void finish(bool complete, std::optional<std::uint64_t> items);

 private:
  void retire_last_run();
  void begin(const RunFacts& facts);
  void go_on(const RunFacts& facts);
  void put(const ItemReport& report, double now);

  const std::filesystem::path file_;
  RunLock lock_;
  std::optional<Database> database_;
  bool holds_something_ = true;
  bool replaced_unfinished_ = false;
  std::int64_t run_ = 0;
  std::optional<Statement> put_item_, put_begun_, put_attempt_, put_under_way_;
};

}  // namespace flagship::fetch
