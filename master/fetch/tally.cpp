// SPDX-License-Identifier: MIT
#include "master/fetch/tally.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

namespace flagship::fetch {

using std::chrono::microseconds;

// Of a larger time its first bits say the bucket, and how many are left out.
std::size_t TimeHistogram::bucket_of(std::uint64_t micros) {
  const int left_out = std::max(0, static_cast<int>(std::bit_width(micros)) - kExactBits);
  return static_cast<std::size_t>(left_out) * kHalf + (micros >> left_out);
}

std::uint64_t TimeHistogram::last_of(std::size_t bucket) {
  if (bucket < 2 * kHalf) return bucket;
  const std::size_t left_out = bucket / kHalf - 1;
  return ((bucket - left_out * kHalf + 1) << left_out) - 1;
}

void TimeHistogram::add(microseconds time) {
  time = std::clamp(time, microseconds(0), microseconds((std::int64_t{1} << kMostBits) - 1));
  ++buckets_[bucket_of(static_cast<std::uint64_t>(time.count()))];
  ++count_;
  sum_ += time;
  longest_ = std::max(longest_, time);
}

microseconds TimeHistogram::percentile(double share) const {
  const auto rank = std::max<std::uint64_t>(
      1, static_cast<std::uint64_t>(std::ceil(share * static_cast<double>(count_))));
  std::uint64_t seen = 0;
  for (std::size_t bucket = 0; bucket < kBuckets; ++bucket) {
    seen += buckets_[bucket];
    if (seen >= rank)
      return std::min(microseconds(static_cast<std::int64_t>(last_of(bucket))), longest_);
  }
  return longest_;
}

void Tally::ended(const ItemReport& report, const Totals& totals) {
  totals_ = totals;
  attempts_ += static_cast<std::uint64_t>(report.attempts);
  const v1::FetchResult& result = report.result;
  if (result.micros() > 0) times_.add(microseconds(static_cast<std::int64_t>(result.micros())));
  const auto why = static_cast<std::size_t>(result.error_class());
  if (result.outcome() == v1::FETCH_ERROR && why < errors_.size()) ++errors_[why];
}

std::vector<std::pair<v1::FetchClass, std::uint64_t>> Tally::errors() const {
  std::vector<std::pair<v1::FetchClass, std::uint64_t>> errors;
  for (std::size_t i = 0; i < errors_.size(); ++i)
    if (errors_[i] > 0) errors.emplace_back(static_cast<v1::FetchClass>(i), errors_[i]);
  std::stable_sort(errors.begin(), errors.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  return errors;
}

Pace::Rate Pace::at(Clock::time_point now, std::uint64_t items, std::uint64_t bytes) {
  constexpr std::chrono::seconds kSpan{5};
  while (samples_.size() > 1 && samples_[1].time <= now - kSpan) samples_.pop_front();
  const Sample& then = samples_.front();
  const std::chrono::duration<double> passed = now - then.time;
  const double seconds = std::max(passed.count(), 1e-9);
  const Rate rate{static_cast<double>(items - then.items) / seconds,
                  static_cast<double>(bytes - then.bytes) / seconds};
  samples_.push_back({now, items, bytes});
  return rate;
}

void Observers::scheduled(const Item& item, const ResultFuture& future) {
  for (Observer* one : all_) one->scheduled(item, future);
}

void Observers::began(const Item& item, const ResultFuture& future) {
  for (Observer* one : all_) one->began(item, future);
}

void Observers::completed(const Item& item, const ResultFuture& future) {
  for (Observer* one : all_) one->completed(item, future);
}

void Observers::failed(const Item& item, int number, const v1::FetchResult& result,
                       const Outcome& where) {
  for (Observer* one : all_) one->failed(item, number, result, where);
}

void Observers::ended(const ItemReport& report, const Totals& totals) {
  for (Observer* one : all_) one->ended(report, totals);
}

void Observers::heard(const PlanNews& news) {
  for (Observer* one : all_) one->heard(news);
}

std::optional<std::chrono::steady_clock::time_point> Observers::idle(const Totals& totals) {
  std::optional<std::chrono::steady_clock::time_point> earliest;
  for (Observer* one : all_)
    if (const auto wish = one->idle(totals)) earliest = std::min(earliest.value_or(*wish), *wish);
  return earliest;
}

}  // namespace flagship::fetch
