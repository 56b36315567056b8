// SPDX-License-Identifier: MIT
// What a run comes to, counted in bounded memory. Pure.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <utility>
#include <vector>

#include "master/fetch/run.hpp"

namespace flagship::fetch {

/// Times in buckets that grow with them: 9 KiB however many there were. A percentile is too large
/// by a thirty-second at most.
class TimeHistogram {
 public:
  void add(std::chrono::microseconds time);
  std::uint64_t count() const { return count_; }
  std::chrono::microseconds sum() const { return sum_; }
  std::chrono::microseconds longest() const { return longest_; }
  /// That of which so large a share (0 to 1) took no longer; zero when there is none.
  std::chrono::microseconds percentile(double share) const;

 private:
  static constexpr int kExactBits = 6;  // below 64 us each has its own bucket
  static constexpr int kMostBits = 40;  // twelve days
  static constexpr std::size_t kHalf = std::size_t{1} << (kExactBits - 1);
  static constexpr std::size_t kBuckets = kHalf * (kMostBits - kExactBits + 2);

  static std::size_t bucket_of(std::uint64_t micros);
  static std::uint64_t last_of(std::size_t bucket);

  std::array<std::uint64_t, kBuckets> buckets_{};
  std::uint64_t count_ = 0;
  std::chrono::microseconds sum_{};
  std::chrono::microseconds longest_{};
};

/// Counts what ended.
class Tally final : public Observer {
 public:
  void ended(const ItemReport& report, const Totals& totals) override;

  const Totals& totals() const { return totals_; }
  /// Of the last attempts of items that were tried.
  const TimeHistogram& times() const { return times_; }
  std::uint64_t attempts() const { return attempts_; }
  /// Those there were, the most frequent first.
  std::vector<std::pair<v1::FetchClass, std::uint64_t>> errors() const;

 private:
  Totals totals_;
  TimeHistogram times_;
  std::uint64_t attempts_ = 0;
  std::array<std::uint64_t, v1::FetchClass_ARRAYSIZE> errors_{};
};

/// How fast it goes, over the last five seconds.
class Pace {
 public:
  using Clock = std::chrono::steady_clock;
  struct Rate {  // a second
    double items = 0;
    double bytes = 0;
  };

  explicit Pace(Clock::time_point begin) : samples_{{begin, 0, 0}} {}
  /// `items` and `bytes` since the beginning.
  Rate at(Clock::time_point now, std::uint64_t items, std::uint64_t bytes);

 private:
  struct Sample {
    Clock::time_point time;
    std::uint64_t items = 0;
    std::uint64_t bytes = 0;
  };
  std::deque<Sample> samples_;
};

/// Hands on what it hears to several.
class Observers final : public Observer {
 public:
  explicit Observers(std::vector<Observer*> all) : all_(std::move(all)) {}

  void add(Observer& one) { all_.push_back(&one); }

  void scheduled(const Item& item, const ResultFuture& future) override;
  void began(const Item& item, const ResultFuture& future) override;
  void completed(const Item& item, const ResultFuture& future) override;
  void failed(const Item& item, int number, const v1::FetchResult& result,
              const Outcome& where) override;
  void ended(const ItemReport& report, const Totals& totals) override;
  void heard(const PlanNews& news) override;
  std::optional<std::chrono::steady_clock::time_point> idle(const Totals& totals) override;

 private:
  std::vector<Observer*> all_;
};

}  // namespace flagship::fetch
