// SPDX-License-Identifier: MIT
#include "master/fetch/store/recorder.hpp"

#include <algorithm>
#include <chrono>
#include <exception>
#include <utility>

namespace flagship::fetch {
namespace {

constexpr std::chrono::milliseconds kGather{50};  // what ends meanwhile is written together
constexpr std::size_t kBatch = 1024;
constexpr std::size_t kMostPending = 8192;  // then the run waits for the disk

}  // namespace

Recorder::Recorder(Record& record, Observer& next, bool at_once)
    : record_(record), next_(next), at_once_(at_once), writer_([this] { write_on(); }) {}

Recorder::~Recorder() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
    work_.notify_one();
  }
  writer_.join();
}

void Recorder::on_news(std::function<void()> wake, std::function<void()> stop) {
  const std::lock_guard lock(mutex_);
  wake_ = std::move(wake);
  stop_ = std::move(stop);
}

void Recorder::scheduled(const Item& item, const ResultFuture& future) {
  next_.scheduled(item, future);
}

void Recorder::began(const Item& item, const ResultFuture& future) { next_.began(item, future); }

void Recorder::completed(const Item& item, const ResultFuture& future) {
  next_.completed(item, future);
}

void Recorder::failed(const Item& item, int number, const v1::FetchResult& result,
                      const Outcome& where) {
  next_.failed(item, number, result, where);
  const std::lock_guard lock(mutex_);
  if (!trouble_.empty()) return;
  failed_.push_back({item.place, number, result, where});
  work_.notify_one();
}

void Recorder::heard(const PlanNews& news) { next_.heard(news); }

void Recorder::take(ItemReport&& report, const Totals& totals) {
  {
    std::unique_lock lock(mutex_);
    if (!trouble_.empty()) return;
    --under_way_;
    pending_.push_back({std::move(report), totals});
    if (pending_.size() - taken_ == 1 || pending_.size() - taken_ == kBatch) work_.notify_one();
    if (at_once_) wait_until_written(lock);
    written_.wait(
        lock, [this] { return pending_.size() - settled_ < kMostPending || !trouble_.empty(); });
  }
  tell_settled();
}

std::optional<std::chrono::steady_clock::time_point> Recorder::idle(const Totals& totals) {
  tell_settled();
  return next_.idle(totals);
}

void Recorder::reserve(std::vector<BegunItem> items) {
  std::unique_lock lock(mutex_);
  if (!trouble_.empty()) return;
  begun_ = std::move(items);
  wait_until_written(lock);
}

void Recorder::took_in(std::uint64_t items) {
  const std::lock_guard lock(mutex_);
  under_way_ += items;
}

void Recorder::finish() {
  {
    std::unique_lock lock(mutex_);
    wait_until_written(lock);
    wake_ = stop_ = nullptr;
  }
  tell_settled();
}

std::string Recorder::trouble() const {
  const std::lock_guard lock(mutex_);
  return trouble_;
}

void Recorder::wait_until_written(std::unique_lock<std::mutex>& lock) {
  hurry_ = true;
  work_.notify_one();
  written_.wait(lock, [this] { return !trouble_.empty() || (!something_to_write() && !writing_); });
  hurry_ = false;
}

// Told one by one, without the lock: they are no longer the writer's.
void Recorder::tell_settled() {
  for (;;) {
    std::optional<Pending> first;
    {
      const std::lock_guard lock(mutex_);
      if (settled_ == 0) return;
      first = std::move(pending_.front());
      pending_.pop_front();
      --settled_;
      --taken_;
    }
    next_.take(std::move(first->report), first->totals);
  }
}

bool Recorder::something_to_write() const {
  return pending_.size() > taken_ || !begun_.empty() || !failed_.empty();
}

void Recorder::write_on() {
  while (write_next()) continue;
}

/// False: it is over.
bool Recorder::write_next() {
  RecordBatch batch;
  {
    std::unique_lock lock(mutex_);
    work_.wait(lock, [this] { return something_to_write() || ending_; });
    if (!something_to_write()) return false;
    work_.wait_for(lock, kGather,
                   [this] { return hurry_ || ending_ || pending_.size() - taken_ >= kBatch; });
    batch = take_batch();
    writing_ = true;
  }
  std::string trouble;
  try {
    record_.write(batch);
  } catch (const std::exception& error) {
    trouble = error.what();
  }
  const std::lock_guard lock(mutex_);
  writing_ = false;
  trouble_ = trouble;
  settled_ += trouble.empty() ? batch.ended.size() : 0;
  written_.notify_all();
  if (const auto& tell = trouble.empty() ? wake_ : stop_) tell();
  return trouble.empty();
}

RecordBatch Recorder::take_batch() {
  RecordBatch batch;
  batch.begun.swap(begun_);
  batch.failed.swap(failed_);
  batch.ended.reserve(pending_.size() - taken_);
  for (std::size_t i = taken_; i < pending_.size(); ++i) batch.ended.push_back(&pending_[i].report);
  taken_ = pending_.size();
  batch.under_way = under_way_;
  return batch;
}

}  // namespace flagship::fetch
