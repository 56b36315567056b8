// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "flagship/detail/call.hpp"
#include "master/future/process_life.hpp"

namespace flagship::detail {

/// Where callers leave messages for the loop: any thread puts, the loop takes. Putting never blocks
/// on the loop's progress, and wakes it at most once however much is put.
class Mailbox {
 public:
  struct Requests {  // what came besides calls
    std::vector<Ref<RemoteCall>> cancelled;
    std::vector<Ref<RemoteCall>> stopped;  // in the claim page, while they ran
    bool shutdown = false;
    bool cancel_pending = false;
    Deadline deadline{};  // after a shutdown: then what still runs is stopped
    int terminate = 0;    // a signal; 0: no
    std::vector<std::shared_ptr<class StatusRequest>> status;
    bool any() const {
      return shutdown || cancel_pending || terminate != 0 || !cancelled.empty() ||
             !stopped.empty() || !status.empty();
    }
  };

  /// `waker` is woken when something was put while the loop slept.
  explicit Mailbox(std::shared_ptr<Waker> waker) : waker_(std::move(waker)) {}

  /// False in a forked child: the loop, the workers and what is left here are its parent's.
  bool is_of_this_process() const { return maker_.is_this_process(); }
  /// Throws ShutdownError, or BrokenProcessPool with the cause, when it is closed.
  void submit(Ref<RemoteCall> call);
  /// From under the call's lock; the caller wakes what is returned.
  std::shared_ptr<Waker> leave(Ref<RemoteCall> call, bool stopped);
  void shutdown(bool cancel_pending, Deadline deadline = {});
  void terminate(int signal);
  /// False when the loop has ended and nobody will answer.
  bool ask_status(std::shared_ptr<StatusRequest> request);

  // ---- the loop's side ----
  /// Swaps what has come into both; false when there was nothing.
  bool take(std::vector<Ref<RemoteCall>>& calls, Requests& requests);
  bool empty() const;
  /// Calls are refused from now on.
  void close(const std::string& broken_cause = {});
  /// From here until `awake` whoever puts something wakes the loop. True: something is there
  /// already, do not sleep.
  bool falling_asleep();
  void awake() { asleep_.store(false, std::memory_order_relaxed); }
  /// No more requests are taken: nobody reads them. Questions that came meanwhile are answered:
  /// there is nothing.
  void end();

 private:
  /// After something was put.
  void nudge();

  const Maker maker_;
  const std::shared_ptr<Waker> waker_;
  std::atomic<bool> asleep_{false};

  mutable std::mutex mutex_;  // guards what follows
  std::vector<Ref<RemoteCall>> calls_;
  Requests requests_;
  bool closed_ = false;
  bool ended_ = false;
  std::string broken_cause_;
};

/// A question that the loop answers.
class StatusRequest {
 public:
  virtual ~StatusRequest() = default;
  virtual void answer(PoolStatus status) = 0;
};

}  // namespace flagship::detail
