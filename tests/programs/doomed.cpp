// SPDX-License-Identifier: MIT
// A program that may be killed at any moment: it makes pools, has them work, and ends them, one way
// or another, over and over again; or one time only.
//
//   test_doomed SEED|once
#include <unistd.h>

#include <chrono>
#include <flagship/flagship.hpp>
#include <random>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace flagship;
using namespace std::chrono_literals;

void work(std::uint32_t micros) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::microseconds(micros);
  while (std::chrono::steady_clock::now() < end) {
  }
}
void rest(std::uint32_t micros) { std::this_thread::sleep_for(std::chrono::microseconds(micros)); }
std::string much(std::uint32_t kibibytes) { return std::string(kibibytes * 1024, 'x'); }
/// Starts a process that never ends by itself.
void keep_a_child(std::uint32_t micros) {
  if (fork() == 0)
    for (;;) pause();
  work(micros);
}

void have_it_work(ProcessPoolExecutor& pool, std::mt19937_64& numbers) {
  std::vector<AnyFuture> calls;
  for (int i = 0; i < 60; ++i) {
    const auto size = static_cast<std::uint32_t>(numbers() % 2000);
    calls.emplace_back(pool.submit<work>(size));
    calls.emplace_back(pool.submit<rest>(size));
    if (i % 20 == 0) calls.emplace_back(pool.submit<much>(size));
    if (i % 10 == 0) calls.emplace_back(pool.submit<keep_a_child>(size));
  }
  wait(calls, std::chrono::milliseconds(numbers() % 40));
}

void end(ProcessPoolExecutor& pool, std::uint64_t way) {
  if (way == 1) pool.shutdown({.cancel_futures = true});
  if (way == 2) pool.shutdown({.deadline = 1ms});
  if (way == 3) pool.terminate_workers();
  if (way == 4) pool.kill_workers();
}

}  // namespace

int main(int argc, char** argv) {
  init(argc, argv);
  if (argc != 2) return 2;
  const bool once = std::string(argv[1]) == "once";
  std::mt19937_64 numbers(once ? 1 : std::stoull(argv[1]));
  do {
    const bool many = numbers() % 4 == 0;
    ProcessPoolExecutor pool({.max_workers = static_cast<int>(1 + numbers() % (many ? 40 : 4)),
                              .eager = numbers() % 2 == 0});
    have_it_work(pool, numbers);
    end(pool, numbers() % 5);
  } while (!once);
}
