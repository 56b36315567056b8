// SPDX-License-Identifier: MIT
// Flagship's side of the library rows of scripts/bench, and what two processes do without any pool.
//
//   pool_bench p1 [--tasks N] [--workers W]   no-ops, submit and as_completed: tasks_per_s=...
//   pool_bench p2 [--calls N]                 one no-op at a time: p50_us=...
//   pool_bench p3 [--tasks N] [--workers W]   map of a no-op: items_per_s=...
//   pool_bench p4 [--workers W]               a pool made, a call in each worker, the pool gone:
//                                             seconds=...
//   pool_bench p10 --rounds R --tasks N       N tasks of R rounds of arithmetic in 2 workers:
//                                             tasks_per_s=...
//   pool_bench p10-bare --rounds R --tasks N  the same in two processes that know of nobody
//   pool_bench p10-scale                      rounds that take a millisecond: rounds=...
//   pool_bench p11 [--tasks N] [--workers W]  no-ops in many workers: cpu_us_per_task=...,
//                                             kb_per_worker=...
//   pool_bench p12 [--bytes B] [--calls N]    a large argument that comes back: bytes_per_s=...
//   pool_bench p13 --hosts FILE [--tasks N] [--rounds R | --sleep MICROSECONDS]
//                                             the same as p10, or calls that only wait, on the
//                                             hosts of a file: tasks_per_s=..., busy=... of all
//                                             that its workers could have worked
#include <time.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <flagship/flagship.hpp>
#include <fstream>
#include <map>
#include <numeric>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "tests/bench/children.hpp"

namespace {

using Clock = std::chrono::steady_clock;

int noop(int x) { return x; }

/// Arithmetic that cannot be shortened.
std::uint64_t compute(std::uint64_t rounds) {
  std::uint64_t x = rounds + 0x9E3779B97F4A7C15;
  for (std::uint64_t i = 0; i < rounds; ++i) {
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
  }
  return x;
}

std::vector<std::byte> give_back(std::vector<std::byte> bytes) { return bytes; }

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

class Options {
 public:
  Options(int argc, char** argv) : words_(argv + std::min(argc, 2), argv + argc) {}

  std::string text(const char* name) const {
    const auto found = std::find(words_.begin(), words_.end(), name);
    return found == words_.end() || found + 1 == words_.end() ? "" : *(found + 1);
  }
  int get(const char* name, int otherwise) const {
    const std::string text = this->text(name);
    return text.empty() ? otherwise : std::stoi(text);
  }

 private:
  std::vector<std::string> words_;
};

void warm_up(flagship::ProcessPoolExecutor& pool, int calls) {
  std::vector<flagship::Future<int>> first;
  for (int i = 0; i < calls; ++i) first.push_back(pool.submit<noop>(i));
  for (auto& future : first) future.result();
}

void check_sum(long long sum, int count) {
  if (sum != static_cast<long long>(count) * (count - 1) / 2)
    throw std::runtime_error("wrong results");
}

void submit_all(flagship::ProcessPoolExecutor& pool, int tasks) {
  std::vector<flagship::Future<int>> futures;
  futures.reserve(static_cast<std::size_t>(tasks));
  for (int i = 0; i < tasks; ++i) futures.push_back(pool.submit<noop>(i));
  long long sum = 0;
  for (auto& done : flagship::as_completed(futures)) sum += done.result();
  check_sum(sum, tasks);
}

void submit_and_collect(const Options& options) {
  const int tasks = options.get("--tasks", 200'000);
  const int workers = options.get("--workers", 2);
  flagship::ProcessPoolExecutor pool({.max_workers = workers});
  warm_up(pool, workers * 4);
  const auto begin = Clock::now();
  submit_all(pool, tasks);
  std::printf("tasks_per_s=%.0f\n", tasks / seconds_since(begin));
}

void one_at_a_time(const Options& options) {
  const int calls = options.get("--calls", 2'000);
  flagship::ProcessPoolExecutor pool({.max_workers = 1});
  warm_up(pool, 4);
  std::vector<double> micros;
  for (int i = 0; i < calls; ++i) {
    const auto begin = Clock::now();
    pool.submit<noop>(i).result();
    micros.push_back(seconds_since(begin) * 1e6);
  }
  std::sort(micros.begin(), micros.end());
  std::printf("p50_us=%.2f\n", micros[micros.size() / 2]);
}

void map_ints(const Options& options) {
  const int items = options.get("--tasks", 5'000'000);
  const int workers = options.get("--workers", 2);
  flagship::ProcessPoolExecutor pool({.max_workers = workers});
  warm_up(pool, workers * 4);
  std::vector<int> input(
      static_cast<std::size_t>(items));  // clang 14 cannot compile libstdc++'s views
  std::iota(input.begin(), input.end(), 0);
  const auto begin = Clock::now();
  long long sum = 0;
  for (int y : pool.map<noop>(input)) sum += y;
  const double seconds = seconds_since(begin);
  check_sum(sum, items);
  std::printf("items_per_s=%.0f\n", items / seconds);
}

void live_once(const Options& options) {
  const int workers = options.get("--workers", 20);
  const auto begin = Clock::now();
  {
    flagship::ProcessPoolExecutor pool({.max_workers = workers});
    warm_up(pool, workers);
  }
  std::printf("seconds=%.5f\n", seconds_since(begin));
}

void compute_in_workers(const Options& options) {
  const auto rounds = static_cast<std::uint64_t>(options.get("--rounds", 1'000));
  const int tasks = options.get("--tasks", 1'000);
  flagship::ProcessPoolExecutor pool({.max_workers = 2});
  warm_up(pool, 8);
  const auto begin = Clock::now();
  std::vector<flagship::Future<std::uint64_t>> futures;
  for (int i = 0; i < tasks; ++i) futures.push_back(pool.submit<compute>(rounds));
  for (auto& future : futures)
    if (future.result() != futures.front().result()) throw std::runtime_error("wrong results");
  std::printf("tasks_per_s=%.2f\n", tasks / seconds_since(begin));
}

void compute_alone(const Options& options) {
  const auto rounds = static_cast<std::uint64_t>(options.get("--rounds", 1'000));
  const int tasks = options.get("--tasks", 1'000);
  const auto begin = Clock::now();
  flagship::bench::Children children;
  const std::uint64_t expected = compute(rounds);
  for (const int share : {tasks / 2, tasks - tasks / 2}) {
    children.start([rounds, share, expected] {
      for (int i = 0; i < share; ++i)
        if (compute(rounds) != expected) throw std::runtime_error("wrong results");
    });
  }
  if (!children.wait()) throw std::runtime_error("a process failed");
  std::printf("tasks_per_s=%.2f\n", tasks / seconds_since(begin));
}

void find_scale() {
  constexpr std::uint64_t kRounds = 20'000'000;
  double best = 1e9;
  for (int i = 0; i < 5; ++i) {
    const auto begin = Clock::now();
    if (compute(kRounds + static_cast<std::uint64_t>(i)) == 0)
      throw std::runtime_error("wrong results");
    best = std::min(best, seconds_since(begin));
  }
  std::printf("rounds=%.0f\n", static_cast<double>(kRounds) / best / 1000);
}

/// CPU time that a process has had, in seconds.
double cpu_of(pid_t pid) {
  clockid_t clock{};
  timespec time{};
  if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &time) != 0) return 0;
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

/// Of this process and each of its workers.
std::map<pid_t, double> cpu_of_all(const flagship::ProcessPoolExecutor& pool) {
  std::map<pid_t, double> all{{0, cpu_of(0)}};
  for (const auto& worker : pool.status().workers) all[worker.pid] = cpu_of(worker.pid);
  return all;
}

/// Memory of this process, shared pages included, in KiB.
long resident_memory() {
  std::ifstream rollup("/proc/self/smaps_rollup");
  for (std::string line; std::getline(rollup, line);)
    if (line.starts_with("Rss:")) return std::stol(line.substr(line.find(':') + 1));
  throw std::runtime_error("the kernel does not say how much memory this process has");
}

void many_workers(const Options& options) {
  const int tasks = options.get("--tasks", 100'000);
  const int workers = options.get("--workers", 1'000);
  const long memory_before = resident_memory();
  flagship::ProcessPoolExecutor pool({.max_workers = workers, .eager = true});
  const auto up = [&pool, workers] {
    const auto status = pool.status();
    return std::count_if(status.workers.begin(), status.workers.end(), [](const auto& worker) {
             return worker.state != flagship::WorkerState::starting;
           }) == workers;
  };
  while (!up()) warm_up(pool, 10);
  const long memory = resident_memory() - memory_before;
  const auto before = cpu_of_all(pool);
  submit_all(pool, tasks);
  double cpu = 0;
  for (const auto& [pid, seconds] : cpu_of_all(pool)) {
    const auto earlier = before.find(pid);
    cpu += seconds - (earlier == before.end() ? 0 : earlier->second);
  }
  std::printf("cpu_us_per_task=%.4f\nkb_per_worker=%.1f\n", cpu * 1e6 / tasks,
              static_cast<double>(std::max(1L, memory)) / workers);
}

void large_argument(const Options& options) {
  const int bytes = options.get("--bytes", 64 << 20);
  const int calls = options.get("--calls", 8);
  flagship::ProcessPoolExecutor pool({.max_workers = 1});
  const std::vector<std::byte> sent(static_cast<std::size_t>(bytes), std::byte{7});
  if (pool.submit<give_back>(sent).result() != sent) throw std::runtime_error("wrong results");
  const auto begin = Clock::now();
  for (int i = 0; i < calls; ++i)
    if (pool.submit<give_back>(sent).result().size() != sent.size())
      throw std::runtime_error("wrong results");
  std::printf("bytes_per_s=%.0f\n", 2.0 * bytes * calls / seconds_since(begin));
}

std::uint64_t wait_a_little(std::uint64_t micros) {
  std::this_thread::sleep_for(std::chrono::microseconds(micros));
  return micros;
}

std::vector<flagship::Future<std::uint64_t>> submit_timed(flagship::ProcessPoolExecutor& pool,
                                                          const Options& options, int tasks) {
  const auto rounds = static_cast<std::uint64_t>(options.get("--rounds", 1'000));
  const auto micros = static_cast<std::uint64_t>(options.get("--sleep", 0));
  std::vector<flagship::Future<std::uint64_t>> futures;
  for (int i = 0; i < tasks; ++i)
    futures.push_back(micros > 0 ? pool.submit<wait_a_little>(micros)
                                 : pool.submit<compute>(rounds));
  return futures;
}

void work_on_hosts(const Options& options) {
  const int tasks = options.get("--tasks", 1'000);
  flagship::PoolOptions pool_options;
  pool_options.hosts = flagship::Hosts::from_file(options.text("--hosts"));
  std::size_t workers = 0;
  for (const flagship::Host& host : pool_options.hosts->hosts)
    workers += static_cast<std::size_t>(host.workers * host.agents);
  flagship::ProcessPoolExecutor pool(pool_options);
  while (pool.status().workers.size() < workers)  // all of them have to have come
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  for (auto& future : submit_timed(pool, options, static_cast<int>(workers) * 200)) future.result();
  const auto begin = Clock::now();
  const auto futures = submit_timed(pool, options, tasks);
  double worked = 0;
  for (const auto& future : futures) {
    future.result();
    worked += std::chrono::duration<double>(future.try_outcome()->wall).count();
  }
  const double seconds = seconds_since(begin);
  std::printf("tasks_per_s=%.2f\nbusy=%.4f\n", tasks / seconds,
              worked / seconds / static_cast<double>(workers));
}

}  // namespace

int main(int argc, char** argv) try {
  flagship::init(argc, argv);
  const std::map<std::string, void (*)(const Options&)> rows{
      {"p1", submit_and_collect},
      {"p2", one_at_a_time},
      {"p3", map_ints},
      {"p4", live_once},
      {"p10", compute_in_workers},
      {"p10-bare", compute_alone},
      {"p10-scale", [](const Options&) { find_scale(); }},
      {"p11", many_workers},
      {"p12", large_argument},
      {"p13", work_on_hosts}};
  const auto row = rows.find(argc > 1 ? argv[1] : "");
  if (row == rows.end()) {
    std::fputs("usage: pool_bench p1|p2|p3|p4|p10|p10-bare|p10-scale|p11|p12|p13 [--OPTION N...]\n",
               stderr);
    return 2;
  }
  row->second(Options(argc, argv));
} catch (const std::exception& error) {
  std::fprintf(stderr, "pool_bench: %s\n", error.what());
  return 1;
}
