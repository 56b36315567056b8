// SPDX-License-Identifier: MIT
// Plays a pool's events to a scheduler and keeps what it answered to the last one.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "master/pool/core/scheduler.hpp"

namespace flagship::core {

class Play {
 public:
  explicit Play(Settings settings) : scheduler(settings) {}

  const Commands& tell(const Event& event) {
    out.clear();
    scheduler.handle(event, now, out);
    return out;
  }

  /// Submits `count` more tasks, numbered on from the last.
  const Commands& submit(std::uint32_t count, int priority = 0, int retries = 0) {
    std::vector<NewTask> tasks;
    for (std::uint32_t i = 0; i < count; ++i) tasks.push_back({next_task_++, priority, retries});
    return tell(TasksArrived{tasks});
  }
  const Commands& ready(WorkerRef worker) { return tell(WorkerReady{worker}); }
  const Commands& tick() { return tell(Tick{}); }
  const Commands& gone(WorkerRef worker, const std::vector<Ticket>& begun = {},
                       std::string cause = "was killed") {
    return tell(WorkerGone{worker, begun, std::move(cause)});
  }
  const Commands& fail_start(WorkerRef worker, std::string cause = "no such file") {
    return tell(StartFailed{worker, std::move(cause)});
  }
  const Commands& cancel(TaskId task, bool unsent = false) {
    return tell(TaskCancelled{task, unsent});
  }
  const Commands& shut_down(bool cancel_pending = false) {
    return tell(ShutdownAsked{cancel_pending});
  }
  const Commands& take_back(WorkerRef worker, const std::vector<Ticket>& tickets) {
    return tell(TasksTakenBack{worker, tickets});
  }
  const Commands& results(WorkerRef worker, const std::vector<Ticket>& tickets,
                          const std::vector<How>& how = {}, Duration busy_each = kShort) {
    return tell(
        ResultsArrived{worker, tickets, how, busy_each * static_cast<long>(tickets.size())});
  }

  /// Makes `count` workers ready by giving each a task and its result, which took `call`.
  std::vector<WorkerRef> warm_up(std::uint32_t count, Duration call) {
    submit(count);
    std::vector<WorkerRef> workers;
    for (const StartWorker& start : out.starts) workers.push_back(start.worker);
    std::vector<std::pair<WorkerRef, Ticket>> held;
    for (const WorkerRef worker : workers) {
      ready(worker);
      held.emplace_back(worker, tickets().at(0));
    }
    for (const auto& [worker, ticket] : held) results(worker, {ticket}, {}, call);
    return workers;
  }

  /// Of the last answer: everything assigned, in order.
  std::vector<Ticket> tickets() const {
    std::vector<Ticket> all;
    for (const AssignedTask& task : out.assigned) all.push_back(task.ticket);
    return all;
  }
  std::vector<Ticket> tickets_for(WorkerRef worker) const {
    std::vector<Ticket> all;
    for (const Assign& assign : out.assigns) {
      if (!(assign.worker == worker)) continue;
      for (std::uint32_t i = 0; i < assign.count; ++i)
        all.push_back(out.assigned[assign.first + i].ticket);
    }
    return all;
  }
  std::vector<TaskId> assigned() const {
    std::vector<TaskId> all;
    for (const AssignedTask& task : out.assigned) all.push_back(task_of(task.ticket));
    return all;
  }
  std::vector<std::pair<TaskId, Why>> ended() const {
    std::vector<std::pair<TaskId, Why>> all;
    for (const EndTask& end : out.ends) all.emplace_back(end.task, end.why);
    return all;
  }
  WorkerRef started(std::size_t i = 0) const { return out.starts.at(i).worker; }

  static constexpr Duration kShort = std::chrono::microseconds(1);
  static constexpr Duration kLong = std::chrono::seconds(1);

  Scheduler scheduler;
  Time now{};
  Commands out;

 private:
  TaskId next_task_ = 0;
};

}  // namespace flagship::core
