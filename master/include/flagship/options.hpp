// SPDX-License-Identifier: MIT
// How pools and calls are set up, and what a pool says of itself. Values; every field has a
// default.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "flagship/hosts.hpp"
#include "flagship/initializer.hpp"
#include "flagship/isolation.hpp"
#include "flagship/outcome.hpp"

namespace flagship {

/// What the death of a worker means for the call that it was running. fail_task: it ends with
/// WorkerDied, since a call begins at most once. retry: it goes to another worker, until it has
/// begun `max_attempts` times. break_pool: every call of the pool fails, as in Python.
enum class OnWorkerDeath { fail_task, retry, break_pool };

/// What a worker process may use: rlimits, set before it does anything; see getrlimit(2) for what
/// happens above each. Nothing: as this process has it.
struct Limits {
  /// Bytes; whoever takes more is killed, and the call ends with WorkerDied, out_of_memory. By a
  /// cgroup for each worker where this process may make some: at once, and with what its tasks
  /// start. Else by looking, every 10 ms while it runs something, at what itself has resident.
  /// `WorkerStatus::isolation` says which.
  std::optional<std::uint64_t> memory{};
  std::optional<std::uint64_t> address_space{};  // bytes
  std::optional<std::uint64_t> data{};           // bytes
  std::optional<std::uint64_t> cpu_seconds{};
  std::optional<std::uint64_t> open_files{};
  std::optional<std::uint64_t> file_size{};  // bytes
  std::optional<std::uint64_t> processes{};  // of this user, all together
  bool core = false;  // true: core files as this process has them; false: none
};

/// What a worker process has written to its standard output and standard error, in that order as
/// far as it wrote them in one: whole lines, each with its end.
struct WorkerOutput {
  int worker = 0;  // -1: the process that starts the others
  pid_t pid = 0;
  std::string_view text;    // only during the call
  std::string_view host{};  // another host's, likewise; empty: this one
};

struct PoolOptions {
  int max_workers = 0;             // 0: the CPUs this process may use (affinity and cgroup quota)
  int max_tasks_per_worker = 0;    // 0: no limit; else the worker is replaced after that many
  std::size_t max_worker_rss = 0;  // bytes; a worker above it after a task is replaced; 0: no limit
  duration task_timeout{};         // zero: none; running time, not queueing time
  duration interrupt_grace = std::chrono::seconds(2);  // between SIGTERM and SIGKILL
  duration idle_timeout{};  // a worker that had nothing to do this long leaves; zero: workers stay
  bool eager = false;       // true: start all workers at once, not when work needs them
  OnWorkerDeath on_worker_death = OnWorkerDeath::fail_task;
  int max_attempts = 3;                                    // with retry
  std::size_t max_message_bytes = std::size_t{256} << 20;  // of one call's arguments, or result
  Initializer initializer{};        // flagship::initializer<fn>(args...); a throw breaks the pool
  std::string worker_executable{};  // empty: this executable
  std::optional<Hosts> hosts{};     // several hosts; then max_workers is not asked. See hosts.hpp
  Limits limits{};                  // of each worker process
  std::string name{};               // of the pool, for ps; empty: pool-1, pool-2, ...
  int max_running = 0;  // calls that run at once over all workers, for worker programs that overlap
                        // calls; 0: one in each worker
  duration flush_after =
      std::chrono::milliseconds(5);  // how long a busy worker may keep a result to itself
  Isolation isolation{};             // of each worker process
  // Who gets what workers print; in the pool's own thread, which it must not hold up. What it
  // throws is logged and dropped. Empty: this process's stderr, each line after
  // "[pool-1/worker-0] ".
  std::function<void(const WorkerOutput&)> output{};
};

/// For `with`: how some calls differ from others.
struct CallOptions {
  std::optional<duration> timeout{};  // of running time, instead of task_timeout; worker processes
                                      // only: threads cannot be stopped
  int retries = 0;                    // more attempts after it threw
  int priority = 0;                   // higher goes first
  std::string name{};                 // what it prints as; empty: the function's name
  bool notify_running = false;        // running callbacks are run as soon as a worker has begun it
};

/// For `map`.
struct MapOptions {
  std::optional<duration> timeout{};  // from the call of `map`
  std::size_t chunksize =
      0;  // items in a task; 0: grows while they are short. Threads always take one
  std::size_t buffersize = 0;  // items submitted and not taken, at most; 0: bounded by itself
};

struct ShutdownOptions {
  bool wait = true;             // return only after all calls have ended and all workers are gone
  bool cancel_futures = false;  // cancel what has not begun
  std::optional<duration> deadline{};  // then what still runs is stopped: SIGTERM, a grace, SIGKILL
};

enum class WorkerState { starting, idle, busy, stopping };

struct WorkerStatus {
  int id = 0;
  pid_t pid = 0;
  std::string host;
  WorkerState state = WorkerState::starting;
  std::size_t held = 0;                     // calls handed over and not ended
  std::vector<IsolationLayer> isolation{};  // once it has started; see Isolation
};

enum class HostState { starting, ready, leaving, gone };

/// One agent of another host, or this process's own workers.
struct HostStatus {
  std::string name;  // as the hosts file has it; of more than one agent: "main/2"
  std::string host;  // what the machine calls itself; empty: not known yet
  HostState state = HostState::starting;
  pid_t pid = 0;             // of the agent there; 0: none
  std::string version{};     // of Flagship
  int cpus = 0;              // that it may use
  std::uint64_t memory = 0;  // bytes
  duration round_trip{};     // the shortest seen; zero: none yet
  duration clock_skew{};     // its time of day is ahead of this machine's by this
  std::string trouble{};     // why it is gone, or was last
  std::string join_at{};     // where it may join, when nobody starts it: tcp://address:port
};

struct PoolStatus {
  std::vector<WorkerStatus> workers;
  std::vector<HostStatus> hosts;  // with PoolOptions::hosts
  std::size_t refused = 0;        // peers without a ticket of this pool, with PoolOptions::hosts
  std::size_t queued = 0;         // accepted, not handed over
  std::size_t held = 0;           // handed over, not ended
  std::size_t running = 0;        // of these, begun
  std::size_t deaths = 0;         // workers that ended without being asked to
};

/// The CPUs that this process may use: its affinity, cut by its cgroup's quota. At least 1.
int usable_cpus();

}  // namespace flagship
