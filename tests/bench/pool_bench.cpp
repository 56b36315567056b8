// SPDX-License-Identifier: MIT
// Flagship's side of the library rows of scripts/bench. usage: pool_bench p1 [--tasks N] [--workers
// W]
//                                                               pool_bench p2 [--calls N]
//                                                               pool_bench p3 [--tasks N]
//                                                               [--workers W] pool_bench p4
//                                                               [--workers W]
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <flagship/flagship.hpp>
#include <numeric>
#include <string>
#include <vector>

namespace {

int noop(int x) { return x; }

double seconds_since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

int option(int argc, char** argv, const char* name, int otherwise) {
  for (int i = 2; i + 1 < argc; ++i)
    if (std::strcmp(argv[i], name) == 0) return std::stoi(argv[i + 1]);
  return otherwise;
}

void warm_up(flagship::ProcessPoolExecutor& pool, int workers) {
  std::vector<flagship::Future<int>> first;
  for (int i = 0; i < workers * 4; ++i) first.push_back(pool.submit<noop>(i));
  for (auto& future : first) future.result();
}

void submit_and_collect(int tasks, int workers) {
  flagship::ProcessPoolExecutor pool({.max_workers = workers});
  warm_up(pool, workers);
  const auto begin = std::chrono::steady_clock::now();
  std::vector<flagship::Future<int>> futures;
  futures.reserve(static_cast<std::size_t>(tasks));
  for (int i = 0; i < tasks; ++i) futures.push_back(pool.submit<noop>(i));
  long long sum = 0;
  for (auto& done : flagship::as_completed(futures)) sum += done.result();
  const double seconds = seconds_since(begin);
  if (sum != static_cast<long long>(tasks) * (tasks - 1) / 2)
    throw std::runtime_error("wrong results");
  std::printf("tasks_per_s=%.0f\n", tasks / seconds);
}

void one_at_a_time(int calls) {
  flagship::ProcessPoolExecutor pool({.max_workers = 1});
  warm_up(pool, 1);
  std::vector<double> micros;
  for (int i = 0; i < calls; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    pool.submit<noop>(i).result();
    micros.push_back(seconds_since(begin) * 1e6);
  }
  std::sort(micros.begin(), micros.end());
  std::printf("p50_us=%.2f\n", micros[micros.size() / 2]);
}

void map_ints(int items, int workers) {
  flagship::ProcessPoolExecutor pool({.max_workers = workers});
  warm_up(pool, workers);
  std::vector<int> input(
      static_cast<std::size_t>(items));  // clang 14 cannot compile libstdc++'s views
  std::iota(input.begin(), input.end(), 0);
  const auto begin = std::chrono::steady_clock::now();
  long long sum = 0;
  for (int y : pool.map<noop>(input)) sum += y;
  const double seconds = seconds_since(begin);
  if (sum != static_cast<long long>(items) * (items - 1) / 2)
    throw std::runtime_error("wrong results");
  std::printf("items_per_s=%.0f\n", items / seconds);
}

void live_once(int workers) {
  const auto begin = std::chrono::steady_clock::now();
  {
    flagship::ProcessPoolExecutor pool({.max_workers = workers});
    std::vector<flagship::Future<int>> first;
    for (int i = 0; i < workers; ++i) first.push_back(pool.submit<noop>(i));
    for (auto& future : first) future.result();
  }
  std::printf("seconds=%.5f\n", seconds_since(begin));
}

}  // namespace

int main(int argc, char** argv) {
  flagship::init(argc, argv);
  const std::string row = argc > 1 ? argv[1] : "";
  if (row == "p1")
    submit_and_collect(option(argc, argv, "--tasks", 200'000), option(argc, argv, "--workers", 2));
  else if (row == "p2")
    one_at_a_time(option(argc, argv, "--calls", 2'000));
  else if (row == "p3")
    map_ints(option(argc, argv, "--tasks", 5'000'000), option(argc, argv, "--workers", 2));
  else if (row == "p4")
    live_once(option(argc, argv, "--workers", 20));
  else
    return std::fprintf(stderr,
                        "usage: pool_bench p1|p2|p3|p4 [--tasks N] [--workers W] [--calls N]\n"),
           2;
  return 0;
}
