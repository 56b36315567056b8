// SPDX-License-Identifier: MIT
#include "master/future/process_life.hpp"

#include <pthread.h>

#include <atomic>
#include <cstdlib>
#include <mutex>
#include <utility>
#include <vector>

#include "flagship/error.hpp"

namespace flagship::detail {
namespace {

std::atomic<unsigned> forks{0};

/// The executors that are alive. Never destroyed: it is used until the very end.
class Living {
 public:
  static Living& of_this_process() {
    static Living* const living = new Living;
    return *living;
  }

  void add(std::weak_ptr<ExecutorCore> core) {
    const std::lock_guard lock(mutex_);
    if (exiting_) throw ShutdownError();
    std::erase_if(cores_, [](const auto& other) { return other.expired(); });
    cores_.push_back(std::move(core));
  }

 private:
  // The lock is held over a fork, so that the child does not find it locked by a thread it lacks.
  Living() {
    std::atexit([] { of_this_process().shut_down(); });
    pthread_atfork([] { of_this_process().mutex_.lock(); },
                   [] { of_this_process().mutex_.unlock(); },
                   [] { of_this_process().begin_anew(); });
  }

  void begin_anew() {
    forks.fetch_add(1, std::memory_order_relaxed);
    cores_.clear();
    mutex_.unlock();
  }

  void shut_down() {
    std::vector<std::weak_ptr<ExecutorCore>> cores;
    {
      const std::lock_guard lock(mutex_);
      exiting_ = true;
      cores.swap(cores_);
    }
    for (const auto& core : cores)
      if (const auto living = core.lock()) living->shutdown({});
  }

  std::mutex mutex_;  // guards what follows
  std::vector<std::weak_ptr<ExecutorCore>> cores_;
  bool exiting_ = false;
};

}  // namespace

Maker::Maker() {
  Living::of_this_process();  // counts forks from now on
  forks_ = forks_behind();
}

unsigned Maker::forks_behind() { return forks.load(std::memory_order_relaxed); }

void shut_down_at_exit(std::weak_ptr<ExecutorCore> core) {
  Living::of_this_process().add(std::move(core));
}

}  // namespace flagship::detail
