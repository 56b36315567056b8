// SPDX-License-Identifier: MIT
// The facade of the process pool: checks options, puts the parts together, runs the loop's thread.
#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <csignal>
#include <filesystem>
#include <mutex>
#include <stdexcept>
#include <thread>

#include "common/build_id.hpp"
#include "common/role.hpp"
#include "flagship/executor.hpp"
#include "master/future/process_life.hpp"
#include "master/hosts/hosts_fleet.hpp"
#include "master/hosts/widths.hpp"
#include "master/pool/io/local_fleet.hpp"
#include "master/pool/loop/loop.hpp"

namespace flagship {
namespace {

constexpr std::chrono::milliseconds kWeighEvery{10};
constexpr std::size_t kMostFolderBytes = 8 * 1024;  // what starts a worker is one small packet

class StatusAnswer final : public detail::StatusRequest {
 public:
  void answer(PoolStatus status) override {
    const std::lock_guard lock(mutex_);
    status_ = std::move(status);
    answered_ = true;
    condition_.notify_one();
  }
  PoolStatus wait() {
    std::unique_lock lock(mutex_);
    condition_.wait_for(lock, std::chrono::seconds(5), [this] { return answered_; });
    return status_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable condition_;
  PoolStatus status_;
  bool answered_ = false;
};

class PoolCore final : public detail::ExecutorCore {
 public:
  PoolCore(const pool::LoopSettings& settings, std::unique_ptr<pool::Fleet> fleet)
      : max_message_bytes_(settings.max_message_bytes),
        task_timeout_(settings.task_timeout),
        loop_(std::make_unique<pool::Loop>(settings, std::move(fleet))),
        thread_([this] { run(); }) {}
  ~PoolCore() override {
    loop_->mailbox().shutdown(false);
    join();
  }

  bool in_process() const override { return false; }
  std::size_t max_message_bytes() const override { return max_message_bytes_; }
  duration task_timeout() const override { return task_timeout_; }

  void submit(detail::Ref<detail::RemoteCall> call) override {
    if (!maker_.is_this_process())
      throw BrokenProcessPool(
          "this pool belongs to the process that this one was forked from; make another one here");
    call->mailbox = &loop_->mailbox();
    loop_->mailbox().submit(std::move(call));
  }

  void shutdown(const ShutdownOptions& options) override {
    if (!maker_.is_this_process()) return;
    detail::Deadline deadline;
    if (options.deadline) deadline = detail::Clock::now() + *options.deadline;
    loop_->mailbox().shutdown(options.cancel_futures, deadline);
    if (options.wait) join();
  }

  void terminate(int signal) override {
    if (maker_.is_this_process()) loop_->mailbox().terminate(signal);
  }

  PoolStatus status() const override {
    if (!maker_.is_this_process()) return {};
    if (in_loop()) return loop_->status();
    const auto answer = std::make_shared<StatusAnswer>();
    return loop_->mailbox().ask_status(answer) ? answer->wait() : PoolStatus();
  }

 private:
  // Signals are for the program's own threads.
  void run() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, nullptr);
    pthread_setname_np(pthread_self(), "flagship-loop");
    loop_thread_.store(std::this_thread::get_id());
    loop_->run();
    loop_thread_.store({});  // its id may become another thread's
  }

  // A callback, which runs in the loop's thread, may shut the pool down: it does not wait for
  // itself.
  void join() {
    if (in_loop()) return;
    const std::lock_guard lock(join_mutex_);
    if (thread_.joinable()) thread_.join();
  }
  bool in_loop() const { return loop_thread_.load() == std::this_thread::get_id(); }

  const detail::Maker maker_;
  const std::size_t max_message_bytes_;
  const duration task_timeout_;
  const std::unique_ptr<pool::Loop> loop_;
  std::atomic<std::thread::id> loop_thread_{};
  std::mutex join_mutex_;
  std::thread thread_;
};

core::OnDeath policy_of(OnWorkerDeath policy) {
  switch (policy) {
    case OnWorkerDeath::fail_task:
      return core::OnDeath::fail_task;
    case OnWorkerDeath::retry:
      return core::OnDeath::retry;
    case OnWorkerDeath::break_pool:
      return core::OnDeath::break_pool;
  }
  return core::OnDeath::fail_task;
}

struct NamedLimit {
  const char* name;
  int resource;
  std::optional<std::uint64_t> most;
};

std::vector<NamedLimit> named(const Limits& limits) {
  return {{"address_space", RLIMIT_AS, limits.address_space},
          {"data", RLIMIT_DATA, limits.data},
          {"cpu_seconds", RLIMIT_CPU, limits.cpu_seconds},
          {"open_files", RLIMIT_NOFILE, limits.open_files},
          {"file_size", RLIMIT_FSIZE, limits.file_size},
          {"processes", RLIMIT_NPROC, limits.processes}};
}

std::vector<ResourceLimit> resource_limits(const Limits& limits) {
  std::vector<ResourceLimit> all;
  for (const NamedLimit& limit : named(limits))
    if (limit.most) all.push_back({limit.resource, *limit.most});
  if (!limits.core) all.push_back({RLIMIT_CORE, 0});
  return all;
}

/// "address_space 1048576, open_files 100"
std::string in_words(const Limits& limits) {
  std::string words;
  for (const NamedLimit& limit : named(limits))
    if (limit.most)
      words += (words.empty() ? "" : ", ") + (limit.name + (" " + std::to_string(*limit.most)));
  return words;
}

// What is relative means this process's folder of now.
Isolation isolation_of(Isolation isolation) {
  if (!isolation.writable) return isolation;
  std::size_t bytes = 0;
  for (std::string& folder : *isolation.writable) {
    std::error_code error;
    if (!std::filesystem::is_directory(folder, error))
      throw std::invalid_argument("isolation.writable: '" + folder + "' is not a folder");
    folder = std::filesystem::absolute(folder);
    bytes += folder.size();
  }
  if (bytes > kMostFolderBytes)
    throw std::invalid_argument("isolation.writable: too many folders; name one above them");
  return isolation;
}

void check(const PoolOptions& options) {
  const auto refuse = [](const char* field, long long value) {
    throw std::invalid_argument(std::string(field) + " must not be " + std::to_string(value));
  };
  if (options.max_workers < 0 || options.max_workers > 100'000)
    refuse("max_workers", options.max_workers);
  if (options.max_attempts < 1) refuse("max_attempts", options.max_attempts);
  if (options.max_running < 0) refuse("max_running", options.max_running);
  if (options.max_tasks_per_worker < 0)
    refuse("max_tasks_per_worker", options.max_tasks_per_worker);
  const auto refuse_negative = [&](const char* field, duration time) {
    if (time < duration::zero()) refuse(field, time.count());
  };
  refuse_negative("flush_after", options.flush_after);
  refuse_negative("task_timeout", options.task_timeout);
  refuse_negative("interrupt_grace", options.interrupt_grace);
  refuse_negative("idle_timeout", options.idle_timeout);
  if (detail::role() == detail::Role::unknown)
    throw std::logic_error(
        "ProcessPoolExecutor: call flagship::init(argc, argv); in the first line of main");
}

std::string next_pool_name() {
  static std::atomic<int> last{0};
  return "pool-" + std::to_string(++last);
}

/// What is left of PoolOptions for the pools of other hosts.
PoolTerms terms_of(const PoolOptions& options, const std::string& name) {
  PoolTerms terms;
  terms.name = name;
  terms.max_tasks_per_worker = options.max_tasks_per_worker;
  terms.max_worker_rss = options.max_worker_rss;
  terms.task_timeout_ns = options.task_timeout.count();
  terms.interrupt_grace_ns = options.interrupt_grace.count();
  terms.flush_after_ns = options.flush_after.count();
  terms.max_message_bytes = options.max_message_bytes;
  terms.initializer_function = options.initializer.function;
  terms.initializer = options.initializer.payload;
  terms.memory = options.limits.memory;
  terms.address_space = options.limits.address_space;
  terms.data = options.limits.data;
  terms.cpu_seconds = options.limits.cpu_seconds;
  terms.open_files = options.limits.open_files;
  terms.file_size = options.limits.file_size;
  terms.processes = options.limits.processes;
  terms.core = options.limits.core;
  terms.isolation = isolation_of(options.isolation);
  return terms;
}

std::unique_ptr<pool::Fleet> make_hosts(const PoolOptions& options, pool::LoopSettings& settings,
                                        pool::FleetSettings&& own, const hosts::Widths& widths) {
  hosts::AgentFleetSettings agents;
  agents.hosts = *options.hosts;
  agents.terms = terms_of(options, own.pool_name);
  if (options.max_running > 0) agents.shares = widths.agents;
  agents.window = settings.scheduler.max_window;
  agents.program = options.worker_executable;
  agents.build_id = options.worker_executable.empty()
                        ? detail::build_id()
                        : detail::build_id_of(options.worker_executable);
  try {
    auto fleet = std::make_unique<hosts::HostsFleet>(std::move(own), std::move(agents));
    if (fleet->weighs()) settings.weigh_every = kWeighEvery;
    return fleet;
  } catch (const std::runtime_error& error) {  // a port, a key file
    throw BrokenProcessPool(error.what());
  }
}

std::shared_ptr<detail::ExecutorCore> make_pool(const PoolOptions& options) {
  check(options);
  pool::LoopSettings settings;
  hosts::Widths widths;
  if (options.hosts) widths = hosts::widths_of(*options.hosts, options.max_running);
  settings.scheduler.max_workers =
      options.hosts ? widths.own_workers + static_cast<std::uint32_t>(widths.agents.size())
                    : static_cast<std::uint32_t>(options.max_workers > 0 ? options.max_workers
                                                                         : usable_cpus());
  settings.scheduler.agents = widths.agents;
  settings.scheduler.concurrency =
      options.hosts ? widths.own_running : static_cast<std::uint32_t>(options.max_running);
  settings.scheduler.on_death = policy_of(options.on_worker_death);
  settings.scheduler.max_attempts = options.max_attempts;
  settings.scheduler.max_tasks_per_worker =
      static_cast<std::uint32_t>(options.max_tasks_per_worker);
  settings.scheduler.max_worker_rss = options.max_worker_rss;
  settings.scheduler.idle_timeout = options.idle_timeout;
  settings.scheduler.eager = options.eager || options.hosts;  // those take their time
  settings.max_message_bytes = options.max_message_bytes;
  if (!options.worker_executable.empty())
    settings.worker_program = "'" + options.worker_executable + "'";
  settings.flush_after = std::chrono::duration_cast<std::chrono::microseconds>(options.flush_after);
  // While results wait for company, their worker is to have something to do.
  settings.scheduler.window_time =
      std::max(settings.scheduler.window_time, 2 * options.flush_after);
  settings.initializer = options.initializer;
  settings.task_timeout = options.task_timeout;
  settings.interrupt_grace = options.interrupt_grace;
  settings.limits = in_words(options.limits);
  pool::FleetSettings fleet;
  fleet.pool_name = options.name.empty() ? next_pool_name() : options.name;
  fleet.worker_executable = options.worker_executable;
  fleet.max_workers =
      settings.scheduler.max_workers - static_cast<std::uint32_t>(widths.agents.size());
  fleet.places = settings.scheduler.max_window;
  fleet.max_message_bytes = options.max_message_bytes;
  fleet.limits = resource_limits(options.limits);
  fleet.memory = options.limits.memory;
  fleet.isolation = isolation_of(options.isolation);
  fleet.output = options.output;
  if (options.hosts) {
    auto hosts = make_hosts(options, settings, std::move(fleet), widths);
    return detail::make_core<PoolCore>(settings, std::move(hosts));
  }
  auto workers = std::make_unique<pool::LocalFleet>(std::move(fleet));
  if (workers->weighs()) settings.weigh_every = kWeighEvery;
  return detail::make_core<PoolCore>(settings, std::move(workers));
}

}  // namespace

ProcessPoolExecutor::ProcessPoolExecutor(PoolOptions options)
    : OwningExecutor(make_pool(options)) {}

}  // namespace flagship
