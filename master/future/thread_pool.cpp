// SPDX-License-Identifier: MIT
#include <pthread.h>

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "common/type_name.hpp"
#include "flagship/executor.hpp"
#include "master/future/process_life.hpp"

namespace flagship {
namespace {

class ThreadCore final : public detail::ExecutorCore {
 public:
  ThreadCore(std::size_t max_workers, Initializer initializer)
      : max_workers_(max_workers), initializer_(std::move(initializer)) {}
  ~ThreadCore() override { join(); }  // only when nobody uses it any more

  bool in_process() const override { return true; }

  void submit(std::shared_ptr<detail::LocalCall> call) override {
    if (!maker_.is_this_process())
      throw BrokenExecutor(
          "this pool belongs to the process that this one was forked from; make another one here");
    const std::lock_guard lock(mutex_);
    if (!broken_cause_.empty()) throw BrokenExecutor(broken_cause_);
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
    if (!initialize()) return;
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

  /// False when it threw, and the pool is broken.
  bool initialize() {
    if (initializer_.function == 0) return true;
    try {
      std::string result;
      Reader in(initializer_.payload);
      Writer out(result);
      detail::find_task(initializer_.function)->invoke(in, out);
      return true;
    } catch (const std::exception& error) {
      break_with("it threw " + detail::current_exception_type_name() + ": " + error.what());
    } catch (const detail::BadArguments& bad) {
      break_with("its arguments could not be read: " + bad.what);
    } catch (...) {
      break_with("it threw " + detail::current_exception_type_name());
    }
    return false;
  }

  void break_with(const std::string& why) {
    const std::string cause = "the initializer failed: " + why;
    std::deque<std::shared_ptr<detail::LocalCall>> failed;
    {
      const std::lock_guard lock(mutex_);
      broken_cause_ = cause;
      failed.swap(queue_);
    }
    for (const auto& call : failed)
      call->state().finish(Ending::raised, std::make_exception_ptr(BrokenExecutor(cause)));
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
  const Initializer initializer_;
  std::mutex join_mutex_;
  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable work_;
  std::deque<std::shared_ptr<detail::LocalCall>> queue_;
  std::vector<std::thread> threads_;
  std::size_t idle_ = 0;
  std::size_t busy_ = 0;
  bool shut_down_ = false;
  std::string broken_cause_;
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
    : OwningExecutor(detail::make_core<ThreadCore>(threads_for(options), options.initializer)) {}

}  // namespace flagship
