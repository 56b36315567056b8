// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <unordered_map>
#include <vector>

#include "flagship/flagship.hpp"
#include "flagship/v1/fetch.pb.h"
#include "master/fetch/item.hpp"
#include "master/fetch/max_errors.hpp"
#include "master/fetch/plan/plan.hpp"
#include "master/fetch/retry.hpp"
#include "master/fetch/robots_gate.hpp"
#include "master/fetch/source.hpp"

namespace flagship::fetch {

using ResultFuture = Future<v1::FetchResult>;

enum class Order { completion, input };

struct RunOptions {
  v1::FetchLimits limits;
  RetryPolicy retry;
  PlanSettings plan;
  MaxErrors max_errors;
  Order order = Order::completion;
  std::size_t read_ahead = 65'536;  // items that are known and have not ended, at most
  bool resume = false;              // beginnings of files may be there from a run before
  bool trace = false;               // the observer hears of each future
  std::string robots_agent{};       // keep to what robots.txt asks of this robot; empty: do not ask
  // A task that gives back its FetchResult: nothing is handed out before a worker has. A rate would
  // otherwise count requests that are made much later and all at once. Empty: there is no wait.
  std::string first_task{};
  std::chrono::milliseconds grace{
      5000};  // for what is in flight after `stop`; then its workers are killed
};

/// How an item ended, once and for all.
struct ItemReport {
  Item item;
  v1::FetchResult result;
  int attempts = 1;                   // those that a worker's death cut short included
  Outcome where;                      // of the last attempt
  std::optional<WorkerDied> death{};  // of the worker that ran it, which ended it
  bool unfinished = false;            // the run was stopped before it had all of its attempts
};

struct Totals {
  std::uint64_t ok = 0, not_found = 0, errors = 0, skipped = 0;
  std::uint64_t bytes = 0;
  std::uint64_t ended() const { return ok + not_found + errors + skipped; }
};

/// Hears of a run. All of it in the thread of the run, but `began`.
class Observer {
 public:
  virtual ~Observer() = default;
  virtual void scheduled(const Item&, const ResultFuture&) {}
  virtual void began(const Item&, const ResultFuture&) {}  // in any thread
  virtual void completed(const Item&, const ResultFuture&) {}
  /// An attempt failed and there will be another; `number` counts from 1.
  virtual void failed(const Item&, int /*number*/, const v1::FetchResult&, const Outcome&) {}
  virtual void ended(const ItemReport&, const Totals&) {}
  /// The same for who keeps the report; the others need not care.
  virtual void take(ItemReport&& report, const Totals& totals) { ended(report, totals); }
  virtual void heard(const PlanNews&) {}
  /// There is nothing to do for a moment. When it wants to be asked again at the latest; nothing:
  /// any time.
  virtual std::optional<std::chrono::steady_clock::time_point> idle(const Totals&) {
    return std::nullopt;
  }
};

/// Downloads all that a source yields through an executor, any of them: submit and as_completed, in
/// the order that the plan decides, with retries, bounded however long the source is. One thread
/// runs it; `wake` and `stop` are for others.
class Run {
 public:
  Run(AnyExecutor executor, RunOptions options, Observer& observer);

  /// Returns when every item has its end, or after `stop`. Throws what breaks the executor.
  Totals operator()(Source& source);

  /// The source may have more.
  void wake();
  /// Nothing new begins; what is in flight may finish for the grace period, then its workers are
  /// killed.
  void stop();
  /// What is in flight is given up now.
  void abandon();
  /// Every item of the source has had its end. False after a `stop` that came before that.
  bool complete() const { return source_ended_ && left_out_ == 0; }
  /// It ended early, for too many errors.
  bool had_enough() const { return enough_; }

 private:
  using Clock = std::chrono::steady_clock;
  using Id = Plan::Id;
  struct Failure {
    v1::FetchResult result;
    Outcome where;
  };
  struct Attempt {
    Item item;
    int number = 1;
    int lost = 0;                          // attempts that a worker's death cut short, besides
    std::unique_ptr<Failure> last{};       // how the one before it ended
    std::optional<ResultFuture> future{};  // while it is handed out
    bool left = false;                     // the run was stopped before its next one
    bool rules = false;                    // not of an item, but of its origin's robots.txt
  };

  std::optional<ResultFuture> wait();
  void wait_for_worker();
  bool hand_out(Source& source);
  bool could_look_around() const;
  bool look_around(Source& source);
  bool take_in(Source& source);
  void admit(Item&& item);
  void judge(const std::string& origin, Item&& item);
  void refuse(Item&& item, v1::FetchClass why, std::string reason);
  void add(Attempt&& attempt);
  void take_rules(const Attempt& attempt, const v1::FetchResult& result);
  void never_began(const Item& item);
  v1::FetchRequest request_for(const Attempt& attempt) const;
  void submit(Id id);
  void on_completed(const ResultFuture& future);
  bool follow_plan();
  void lose(const Plan::Lost& lost);
  Attempt release(Id id);
  void conclude(Attempt&& attempt, v1::FetchResult&& result, const Outcome& where,
                std::optional<WorkerDied>&& death = {});
  void leave(Attempt&& attempt);
  void conclude_as_it_failed(Attempt&& attempt);
  void emit(ItemReport&& report);
  void emit_in_turn();
  void heed_stop();
  void begin_ending();
  bool finished() const;
  Clock::time_point next_wake() const;
  v1::FetchResult result_of(const ResultFuture& future, std::optional<WorkerDied>& death) const;
  const std::string& origin_of_item(const std::string& url);
  std::size_t items() const { return plan_.items() + robots_.waiting(); }
  bool full() const { return items() + out_of_turn_.size() >= options_.read_ahead; }

  const AnyExecutor executor_;
  const ExecutorView view_;
  const RunOptions options_;
  Observer& observer_;
  AsCompleted<ResultFuture> completions_;
  Plan plan_;
  RobotsGate robots_;
  std::optional<ResultFuture> first_;  // until a worker has come
  std::deque<Attempt> attempts_;       // by id
  std::vector<Id> free_ids_;
  std::unordered_map<ResultFuture, Id> out_;
  std::map<std::uint64_t, std::optional<ItemReport>>
      out_of_turn_;  // with Order::input; nothing: has no report
  std::uint64_t next_turn_ = 0;
  Totals totals_;
  bool source_ended_ = false;
  bool source_dry_ = false;     // it said that there is nothing yet
  std::uint64_t left_out_ = 0;  // items that never began
  std::string last_root_, last_origin_;
  Clock::time_point now_{};
  std::minstd_rand random_{std::random_device{}()};

  std::atomic<bool> woken_{false};
  std::atomic<bool> stopping_{false};
  std::atomic<bool> abandoned_{false};
  bool enough_ = false;  // too many errors
  bool ending_ = false;  // nothing new begins
  bool killed_ = false;
  std::optional<Clock::time_point> stop_limit_;
};

}  // namespace flagship::fetch
