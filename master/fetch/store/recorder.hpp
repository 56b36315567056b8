// SPDX-License-Identifier: MIT
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "master/fetch/run.hpp"
#include "master/fetch/store/record.hpp"

namespace flagship::fetch {

/// Puts a run on record, and tells the next observer of an item's end only when that is on record:
/// whatever was reported survives a crash. A thread of its own writes what came together in one
/// transaction. All calls in the thread of the run, but `began`.
class Recorder final : public Observer {
 public:
  /// `at_once`: the run is never idle, so an item's end is waited for until it is told.
  Recorder(Record& record, Observer& next, bool at_once = false);
  ~Recorder() override;
  Recorder(const Recorder&) = delete;
  Recorder& operator=(const Recorder&) = delete;

  /// `wake` is called when something can be told, `stop` when the record cannot be written any
  /// more; both in another thread, from now to `finish`.
  void on_news(std::function<void()> wake, std::function<void()> stop);

  /// Returns when it is on record that these items begin, and under which names.
  void reserve(std::vector<BegunItem> items);
  /// So many more are under way.
  void took_in(std::uint64_t items);

  /// Returns when all that ended is on record and was told.
  void finish();

  /// Why the record could not be written to the end; empty: it was.
  std::string trouble() const;

  void scheduled(const Item& item, const ResultFuture& future) override;
  void began(const Item& item, const ResultFuture& future) override;
  void completed(const Item& item, const ResultFuture& future) override;
  void failed(const Item& item, int number, const v1::FetchResult& result,
              const Outcome& where) override;
  void take(ItemReport&& report, const Totals& totals) override;
  void heard(const PlanNews& news) override { next_.heard(news); }
  std::optional<std::chrono::steady_clock::time_point> idle(const Totals& totals) override;

 private:
  struct Pending {
    ItemReport report;
    Totals totals;
  };

  void write_on();
  bool write_next();
  RecordBatch take_batch();
  bool something_to_write() const;
  void wait_until_written(std::unique_lock<std::mutex>& lock);
  void tell_settled();

  Record& record_;
  Observer& next_;
  const bool at_once_;

  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable work_, written_;
  std::function<void()> wake_, stop_;
  std::deque<Pending> pending_;  // ended, and not yet told
  std::size_t taken_ = 0;        // of them, by the writer
  std::size_t settled_ = 0;      // of them, on record
  std::vector<BegunItem> begun_;
  std::vector<FailedAttempt> failed_;
  std::uint64_t under_way_ = 0;
  bool writing_ = false;
  bool hurry_ = false;  // somebody waits
  bool ending_ = false;
  std::string trouble_;

  std::thread writer_;
};

}  // namespace flagship::fetch
