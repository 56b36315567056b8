// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <string>

#include "master/pool/core/agenda.hpp"
#include "master/pool/core/task_table.hpp"
#include "master/pool/core/types.hpp"
#include "master/pool/core/worker_table.hpp"

namespace flagship::core {

/// Decides what a pool does next: which worker is started, which task goes where, what a death
/// means. Pure: it is handed events and the time, and returns commands; it knows no socket,
/// process, thread or clock. One thread at a time. Every task that arrived gets exactly one
/// EndTask.
class Scheduler {
 public:
  explicit Scheduler(Settings settings);
  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;

  /// Appends to `out`; spans in the event are read during the call only.
  void handle(const Event& event, Time now, Commands& out);

  /// When a Tick is wanted; nothing: not before another event.
  std::optional<Time> next_tick() const;

  /// All tasks have ended and no process is left or coming, after a shutdown.
  bool finished() const;
  /// The pool broke: why. Tasks that arrive now end as broken at once.
  const std::optional<std::string>& broken() const { return broken_; }

  std::size_t queued() const { return tasks_.queued(); }
  std::size_t held() const { return held_; }
  std::size_t stale_results() const { return stale_results_; }
  const WorkerTable& workers() const { return workers_; }
  /// Who holds it; nothing: nobody.
  std::optional<WorkerRef> holder_of(Ticket ticket) const;
  const Settings& settings() const { return settings_; }

 private:
  void on(const TasksArrived&, Time, Commands&);
  void on(const TaskCancelled&, Time, Commands&);
  void on(const TasksTakenBack&, Time, Commands&);
  void on(const WorkerSeen&, Time, Commands&);
  void on(const TaskStopped&, Time, Commands&);
  void on(const WorkerReady&, Time, Commands&);
  void on(const WorkerSetUp&, Time, Commands&);
  void on(const WorkerLeaves&, Time, Commands&);
  void on(const ResultsArrived&, Time, Commands&);
  void on(const WorkerGone&, Time, Commands&);
  void on(const StartFailed&, Time, Commands&);
  void on(const ShutdownAsked&, Time, Commands&);
  void on(const TerminateAsked&, Time, Commands&);
  void on(const PoolBroke&, Time, Commands&);
  void on(const Tick&, Time, Commands&);

  void accept(Worker& worker, Ticket ticket, How how, std::uint32_t index, Commands& out);
  bool is_held(Ticket ticket) const;
  void release(Worker& worker, TaskRecord& record);
  void requeue_first(TaskId task, Commands& out);
  void lose_task(Ticket ticket, bool begun, Commands& out);
  bool may_begin_again(TaskRecord& record) const;
  void lose_agent(Worker& worker, bool fruitful, bool hopeless, const std::string& cause, Time now,
                  Commands& out);
  std::size_t hands() const;
  void bury(WorkerRef ref, Worker& worker, bool fruitful, const std::string& cause, Time now,
            Commands& out, bool hopeless = false);
  void end(TaskId task, Why why, Commands& out);
  void break_pool(const std::string& cause, Commands& out);

  /// Starts workers that work needs, hands out what can be handed out, drains when all is done.
  void proceed(Time now, Commands& out);
  void grow(Time now, Commands& out);
  void dispatch(Time now, Commands& out);
  void give(std::uint32_t id, std::uint32_t count, Time now, Commands& out);
  void start(std::uint32_t id, Commands& out);
  void rebalance(Time now, Commands& out);
  void take_back(std::uint32_t id, std::size_t most, Commands& out);
  /// Whether it has nothing to do now, and whether it goes for that or for other reasons.
  void settle(std::uint32_t id, Time now, Commands& out);
  void retire(std::uint32_t id, Commands& out);
  void drain(std::uint32_t id, Commands& out);
  void dismiss_idle(Time now, Commands& out);
  void look(Time now, Commands& out);
  void harvest(Time now, Commands& out);
  void harvest_later(std::uint32_t id, Time at);
  void drain_all(Commands& out);

  const Settings settings_;
  TaskTable tasks_;
  WorkerTable workers_;
  std::size_t held_ = 0;
  std::size_t stale_results_ = 0;
  std::optional<Time> rebalance_at_;
  std::optional<Time> dismiss_at_;  // when one may have been idle for too long
  Agenda looks_;                    // when a task may have run too long
  Agenda harvests_;                 // when a worker may have been silent for too long
  std::size_t turn_ = 0;      // whose turn it is among workers that are busy and can hold more
  int fruitless_ = 0;         // workers in a row that ended without having begun a task
  bool dismissed_ = false;    // some were idle for too long: `eager` has had its day
  bool stopping_ = false;     // no new tasks
  bool terminating_ = false;  // no new workers either
  std::optional<std::string> broken_;
};

}  // namespace flagship::core
