// SPDX-License-Identifier: MIT
// The same work by three executors: how many primes are there below two million?
#include <chrono>
#include <cstdio>
#include <flagship/flagship.hpp>
#include <vector>

/// Primes from `from` up to, and without, `to`.
int count_primes(int from, int to) {
  int primes = 0;
  for (int n = from; n < to; ++n) {
    bool prime = n > 1;
    for (int d = 2; prime && d <= n / d; ++d) prime = n % d != 0;
    primes += prime ? 1 : 0;
  }
  return primes;
}

/// Takes any executor, and says how many seconds it took.
double measure(const char* name, flagship::AnyExecutor executor, double alone) {
  constexpr int kLimit = 2'000'000, kStep = 20'000;
  std::vector<int> from, to;
  for (int n = 0; n < kLimit; n += kStep) from.push_back(n), to.push_back(n + kStep);

  const auto start = std::chrono::steady_clock::now();
  int primes = 0;
  for (const int part : executor.map<count_primes>(from, to)) primes += part;
  const std::chrono::duration<double> time = std::chrono::steady_clock::now() - start;

  const double speed_up = alone > 0 ? alone / time.count() : 1;
  std::printf("%-10s %d primes in %5.2f s, %.1f times as fast\n", name, primes, time.count(),
              speed_up);
  return time.count();
}

int main(int argc, char** argv) {
  flagship::init(argc, argv);
  flagship::InlineExecutor alone;
  flagship::ThreadPoolExecutor threads({.max_workers = flagship::usable_cpus()});
  flagship::ProcessPoolExecutor processes;

  const double seconds = measure("inline", alone, 0);
  measure("threads", threads, seconds);
  measure("processes", processes, seconds);
}
