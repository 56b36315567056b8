// SPDX-License-Identifier: MIT
// The scheduler's vocabulary: what it is told, and what it wants done. Values only.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <variant>
#include <vector>

namespace flagship::core {

/// Time is handed in; the epoch is the caller's.
using Duration = std::chrono::nanoseconds;
using Time = std::chrono::time_point<std::chrono::steady_clock, Duration>;

/// A dense small integer of the caller's, free again once the task has ended.
using TaskId = std::uint32_t;

/// One handing over of one task: the task in the low 32 bits, a stamp in the high ones. A result
/// with an old stamp is of an earlier handing over and is dropped.
using Ticket = std::uint64_t;
constexpr TaskId task_of(Ticket ticket) { return static_cast<TaskId>(ticket); }
constexpr std::uint32_t stamp_of(Ticket ticket) { return static_cast<std::uint32_t>(ticket >> 32); }
constexpr Ticket make_ticket(TaskId task, std::uint32_t stamp) {
  return Ticket{stamp} << 32 | task;
}

/// A place for a worker (0 to max_workers - 1) and which life of it.
struct WorkerRef {
  std::uint32_t id = 0;
  std::uint32_t incarnation = 0;
  friend bool operator==(const WorkerRef&, const WorkerRef&) = default;
};

enum class OnDeath { fail_task, retry, break_pool };

struct Settings {
  std::uint32_t max_workers = 1;
  std::uint32_t concurrency =
      0;  // calls that run at once in all workers together, agents apart; 0: one in each
  OnDeath on_death = OnDeath::fail_task;
  int max_attempts = 3;
  std::uint32_t max_tasks_per_worker = 0;  // then the worker is replaced; 0: no limit
  std::uint64_t max_worker_rss = 0;        // bytes; likewise, when its results say that it is above
  Duration idle_timeout{};          // a worker that had nothing this long leaves; zero: stays
  bool eager = false;               // start every worker at once
  std::uint32_t max_window = 4096;  // tasks a worker may hold; also the places of its claim page
  Duration window_time = std::chrono::milliseconds(8);  // running time that a worker holds ahead
  Duration rebalance_after =
      std::chrono::milliseconds(10);  // silence of a worker before others take over what it holds
  Duration harvest_after =
      std::chrono::milliseconds(10);  // silence of a worker before its outbox is looked into
  Duration no_lookahead =
      std::chrono::milliseconds(50);  // calls this long are not handed over ahead of time
  int max_fruitless = 4;              // workers in a row that ended without having begun a task
  Duration fruitful_after =
      std::chrono::seconds(1);  // a worker that was set up for this long was worth its start
  Duration first_backoff =
      std::chrono::milliseconds(20);  // before a start after a fruitless one; doubles
  /// The last of the workers are agents of other hosts: how many calls each is thought to run at
  /// once, until it says so.
  std::vector<std::uint32_t> agents{};
  Duration first_agent_backoff = std::chrono::seconds(1);  // likewise for them; each for itself
};

// ---- events
// --------------------------------------------------------------------------------------

struct NewTask {
  TaskId task = 0;
  int priority = 0;
  int retries = 0;          // more attempts after it threw
  Duration timeout{};       // of running time; zero: none
  std::uint16_t begun = 0;  // attempts elsewhere
};

/// In the order in which they are to begin, priorities apart.
struct TasksArrived {
  std::span<const NewTask> tasks;
};

/// The owner cancelled a task. One that a worker holds was taken back in the claim page first, so
/// that the worker will pass over it and say so; `unsent`: it was assigned a moment ago and the
/// worker has never heard of it.
struct TaskCancelled {
  TaskId task = 0;
  bool unsent = false;
};

/// These were taken back in the claim page, as `Commands::take_backs` asked.
struct TasksTakenBack {
  WorkerRef worker;
  std::vector<Ticket> tickets;
};

struct RunningTask {
  Ticket ticket = 0;
  Time began{};
};

/// What a worker runs now, as `Commands::looks` asked.
struct WorkerSeen {
  WorkerRef worker;
  std::vector<RunningTask> running;
};

/// A running task was stopped in the claim page, by its owner or as `Commands::stops` asked: it
/// ends now, and its worker, which has to be killed for it, takes nothing more.
struct TaskStopped {
  Ticket ticket = 0;
  bool timed_out = false;  // else cancelled
};

struct WorkerReady {
  WorkerRef worker;
  bool setting_up = false;        // it runs something before its first task, and says when it has
  std::uint32_t concurrency = 0;  // calls that it runs at once; 0: as it was started for
  Duration lag{};                 // to it and back
};

struct WorkerSetUp {
  WorkerRef worker;
};

/// The worker goes by itself once it has nothing left: it is given nothing more, and what it has
/// not begun is asked for.
struct WorkerLeaves {
  WorkerRef worker;
};

/// `failed`: trying again is pointless. `died`: an agent's own worker did, in this call.
enum class How : std::uint8_t { returned, raised, recalled, failed, died };

struct ResultsArrived {
  WorkerRef worker;
  std::span<const Ticket> tickets;
  std::span<const How> how;  // empty: all returned
  Duration busy{};           // running time of all of them together
  std::uint64_t rss = 0;     // of the worker, when max_worker_rss is set
};

/// The process has ended. `begun`: the tickets that it had begun and not delivered.
struct WorkerGone {
  WorkerRef worker;
  std::span<const Ticket> begun;
  std::string cause;  // for the error when the pool breaks
};

struct StartFailed {
  WorkerRef worker;
  std::string cause;
  bool hopeless = false;  // an agent's: another start would end the same way
};

/// No more tasks come. Workers leave once everything has ended.
struct ShutdownAsked {
  bool cancel_pending = false;
};

/// Workers are being killed by the owner: what runs ends with their death, everything else is
/// cancelled.
struct TerminateAsked {};

/// A worker or the owner cannot go on (a failing initializer, a broken transport).
struct PoolBroke {
  std::string cause;
};

/// The time that `next_tick` named has come.
struct Tick {};

using Event = std::variant<TasksArrived, TaskCancelled, TasksTakenBack, WorkerSeen, TaskStopped,
                           WorkerReady, WorkerSetUp, WorkerLeaves, ResultsArrived, WorkerGone,
                           StartFailed, ShutdownAsked, TerminateAsked, PoolBroke, Tick>;

// ---- commands
// ------------------------------------------------------------------------------------

struct StartWorker {
  WorkerRef worker;
  std::uint32_t concurrency = 1;
};

/// Hand over `count` tasks from `Commands::assigned`, starting at `first`.
struct Assign {
  WorkerRef worker;
  std::uint32_t first = 0;
  std::uint32_t count = 0;
};

struct DrainWorker {
  WorkerRef worker;
};

enum class Why : std::uint8_t { result, worker_died, cancelled, timed_out, broken };

struct EndTask {
  TaskId task = 0;
  Why why = Why::result;
  std::uint32_t worker = 0;  // for Why::result, worker_died and timed_out: where
  std::uint32_t index = 0;   // for Why::result: which of the ResultsArrived; ascending
  std::uint32_t attempt = 1;
};

struct AssignedTask {
  Ticket ticket = 0;
  std::uint32_t place = 0;    // in the worker's claim page
  std::uint32_t attempt = 1;  // 1 for the first
};

/// Take these back in the claim page where they have not begun, and answer with TasksTakenBack:
/// others are idle. An agent is asked for them, and reports those that it gives back as `recalled`.
struct TakeBack {
  WorkerRef worker;
  std::vector<AssignedTask> tasks;
};

/// Its time is up: stop it in the claim page, and answer with TaskStopped unless it ended first.
struct StopTask {
  WorkerRef worker;
  AssignedTask task;
};

/// What `handle` wants done, in this order: ends, tasks that wait again, starts, assigns,
/// take-backs, looks, harvests, stops, kills, drains. Starts come after what is about the process
/// that had the place before. Reused from call to call.
struct Commands {
  std::vector<EndTask> ends;
  std::vector<TaskId> again;  // no worker has them any more, and they have not ended
  std::vector<StartWorker> starts;
  std::vector<Assign> assigns;
  std::vector<AssignedTask> assigned;
  std::vector<TakeBack> take_backs;
  std::vector<WorkerRef> looks;     // answer with WorkerSeen
  std::vector<WorkerRef> harvests;  // it may have results that it is too busy to send: take them
  std::vector<StopTask> stops;
  std::vector<WorkerRef> kills;  // politely first
  std::vector<DrainWorker> drains;
  void clear() {
    ends.clear();
    again.clear();
    starts.clear();
    assigns.clear();
    assigned.clear();
    take_backs.clear();
    looks.clear();
    harvests.clear();
    stops.clear();
    kills.clear();
    drains.clear();
  }
};

}  // namespace flagship::core
