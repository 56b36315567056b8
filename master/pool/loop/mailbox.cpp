// SPDX-License-Identifier: MIT
#include "master/pool/loop/mailbox.hpp"

#include <algorithm>

#include "flagship/error.hpp"

namespace flagship::detail {

void Mailbox::nudge() {
  if (asleep_.load(std::memory_order_seq_cst) && asleep_.exchange(false)) waker_->wake();
}

void Mailbox::submit(Ref<RemoteCall> call) {
  {
    const std::lock_guard lock(mutex_);
    if (closed_ && !broken_cause_.empty()) throw BrokenProcessPool(broken_cause_);
    if (closed_) throw ShutdownError();
    calls_.push_back(std::move(call));
  }
  nudge();
}

std::shared_ptr<Waker> Mailbox::leave(Ref<RemoteCall> call, bool stopped) {
  const std::lock_guard lock(mutex_);
  (stopped ? requests_.stopped : requests_.cancelled).push_back(std::move(call));
  return asleep_.exchange(false) ? waker_ : nullptr;
}

void Mailbox::shutdown(bool cancel_pending, Deadline deadline) {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    requests_.shutdown = true;
    requests_.cancel_pending = requests_.cancel_pending || cancel_pending;
    if (deadline) requests_.deadline = std::min(*deadline, requests_.deadline.value_or(*deadline));
  }
  nudge();
}

void Mailbox::terminate(int signal) {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    requests_.shutdown = true;
    requests_.terminate = signal;
  }
  nudge();
}

bool Mailbox::ask_status(std::shared_ptr<StatusRequest> request) {
  {
    const std::lock_guard lock(mutex_);
    if (ended_) return false;
    requests_.status.push_back(std::move(request));
  }
  nudge();
  return true;
}

bool Mailbox::take(std::vector<Ref<RemoteCall>>& calls, Requests& requests) {
  calls.clear();
  requests = {};
  const std::lock_guard lock(mutex_);
  if (calls_.empty() && !requests_.any()) return false;
  calls.swap(calls_);
  std::swap(requests, requests_);
  return true;
}

bool Mailbox::empty() const {
  const std::lock_guard lock(mutex_);
  return calls_.empty() && !requests_.any();
}

bool Mailbox::falling_asleep() {
  asleep_.store(true, std::memory_order_seq_cst);
  if (empty()) return false;
  awake();
  return true;
}

void Mailbox::close(const std::string& broken_cause) {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  broken_cause_ = broken_cause;
}

void Mailbox::end() {
  Requests unread;
  {
    const std::lock_guard lock(mutex_);
    closed_ = ended_ = true;
    std::swap(unread, requests_);
  }
  for (const auto& request : unread.status) request->answer({});
}

}  // namespace flagship::detail
