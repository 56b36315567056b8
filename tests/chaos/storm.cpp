// SPDX-License-Identifier: MIT
#include "tests/chaos/storm.hpp"

#include <signal.h>

#include "common/os/sanitizers.hpp"

namespace flagship::chaos {
namespace {

using namespace std::chrono_literals;

// A worker with a sanitizer takes that much longer to start.
constexpr auto kBetween = kSanitized ? 100ms : 20ms;
constexpr auto kAsleep = 3 * kBetween;

}  // namespace

Storm::Storm(const ProcessPoolExecutor& pool, std::uint64_t seed, std::vector<int> signals,
             const std::atomic<std::size_t>& ended)
    : pool_(pool), dice_(seed), signals_(std::move(signals)), ended_(ended), thread_([this] {
        blow();
      }) {}

Storm::~Storm() { stop(); }

std::size_t Storm::stop() {
  over_ = true;
  if (thread_.joinable()) thread_.join();
  return killed_;
}

void Storm::blow() {
  while (!over_) {
    std::this_thread::sleep_for(kBetween);
    wake_before(Clock::now());
    strike();
  }
  wake_before(Clock::time_point::max());
}

void Storm::strike() {
  const std::size_t ended = ended_;
  const std::vector<WorkerStatus> workers = pool_.status().workers;
  if (workers.empty() || ended == ended_before_) return;
  const WorkerStatus& victim = workers[dice_.roll(workers.size())];
  const int signal = signals_[dice_.roll(signals_.size())];
  if (kill(victim.pid, signal) != 0) return;
  ended_before_ = ended;
  if (signal == SIGSTOP)
    asleep_.emplace_back(Clock::now() + kAsleep, victim.pid);
  else
    ++killed_;
}

void Storm::wake_before(Clock::time_point time) {
  for (; !asleep_.empty() && asleep_.front().first <= time; asleep_.pop_front())
    kill(asleep_.front().second, SIGCONT);
}

}  // namespace flagship::chaos
