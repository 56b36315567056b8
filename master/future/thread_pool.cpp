// SPDX-License-Identifier: MIT
#include <pthread.h>

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <vector>

#include "flagship/executor.hpp"
#include "master/future/process_life.hpp"

namespace flagship {
namespace {

class ThreadCore final : public detail::ExecutorCore {
 public:
  explicit ThreadCore(std::size_t max_workers) : max_workers_(max_workers) {}
  ~ThreadCore() override { join(); }  // only when nobody uses it any more

  bool in_process() const override { return true; }

  void submit(std::shared_ptr<detail::LocalCall> call) override {
    if (!maker_.is_this_process())
      throw BrokenExecutor(
          "this pool belongs to the process that this one was forked from; make another one here");
    const std::lock_guard lock(mutex_);
    if (shut_down_) throw ShutdownError();
    queue_.push_back(std::move(call));
    if (idle_ >= queue_.size()) {
      work_.notify_one();
    } else if (threads_.size() < max_workers_) {
      threads_.emplace_back([this, number = threads_.size()] { run(number); });
    }
  }

  void shutdown(const ShutdownOptions& options) override {
    if (!maker_.is_this_process()) return;
    std::deque<std::shared_ptr<detail::LocalCall>> cancelled;
    {
      const std::lock_guard lock(mutex_);
      shut_down_ = true;
      if (options.cancel_futures) cancelled.swap(queue_);
      work_.notify_all();
    }
    for (const auto& call : cancelled) {
      call->state().cancel();
      call->run();  // which only lets go of its arguments
    }
    if (options.wait) join();
  }

  void terminate(int) override {
    shutdown({.wait = false, .cancel_futures = true, .deadline = {}});
  }

  PoolStatus status() const override {
    if (!maker_.is_this_process()) return {};
    const std::lock_guard lock(mutex_);
    PoolStatus status;
    status.queued = queue_.size();
    status.held = status.running = busy_;
    return status;
  }

 private:
  void run(std::size_t number) {
    pool_of_this_thread = this;
    pthread_setname_np(pthread_self(),
                       ("flagship-" + std::to_string(number)).substr(0, 15).c_str());
    std::unique_lock lock(mutex_);
    for (;;) {
      ++idle_;
      work_.wait(lock, [this] { return !queue_.empty() || shut_down_; });
      --idle_;
      if (queue_.empty()) return;
      std::shared_ptr<detail::LocalCall> call = std::move(queue_.front());
      queue_.pop_front();
      ++busy_;
      lock.unlock();
      call->run();
      call.reset();
      lock.lock();
      --busy_;
    }
  }

  // A task may shut its own pool down: it does not wait for itself.
  void join() {
    if (pool_of_this_thread == this) return;
    const std::lock_guard lock(join_mutex_);
    for (std::thread& thread : threads_)  // after shutdown none is added
      if (thread.joinable()) thread.join();
  }

  static inline thread_local const ThreadCore* pool_of_this_thread = nullptr;

  const detail::Maker maker_;
  const std::size_t max_workers_;
  std::mutex join_mutex_;
  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable work_;
  std::deque<std::shared_ptr<detail::LocalCall>> queue_;
  std::vector<std::thread> threads_;
  std::size_t idle_ = 0;
  std::size_t busy_ = 0;
  bool shut_down_ = false;
};

std::size_t threads_for(const ThreadPoolOptions& options) {
  if (options.max_workers < 0)
    throw std::invalid_argument("max_workers must not be negative, and is " +
                                std::to_string(options.max_workers));
  const int workers =
      options.max_workers > 0 ? options.max_workers : std::min(32, usable_cpus() + 4);
  return static_cast<std::size_t>(workers);
}

}  // namespace

ThreadPoolExecutor::ThreadPoolExecutor(ThreadPoolOptions options)
    : OwningExecutor(detail::make_core<ThreadCore>(threads_for(options))) {}

}  // namespace flagship
