// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/claim.hpp"
#include "common/wire/frames.hpp"
#include "flagship/detail/state.hpp"
#include "flagship/error.hpp"
#include "flagship/options.hpp"
#include "master/pool/core/types.hpp"

namespace flagship::pool {

/// What one wait brought. Messages come before deaths: what a worker said before it died is heard
/// first.
struct Happenings {
  struct Message {
    pid_t sender = 0;  // as the kernel says; 0: unknown
    wire::Blobs blobs;
    std::optional<core::WorkerRef> agent{};  // as its key or its carrier says
  };
  std::vector<Message> messages;
  struct Gone {
    core::WorkerRef worker;
    Death death;
  };
  std::vector<Gone> gone;
  struct NotStarted {
    core::WorkerRef worker;
    std::string cause;
    bool hopeless = false;
  };
  std::vector<NotStarted> not_started;
  std::vector<core::WorkerRef> leaving;  // agents that want to go once they have nothing left
  void clear() {
    messages.clear();
    gone.clear();
    not_started.clear();
    leaving.clear();
  }
};

/// The worker processes and the way to them, as the loop sees them. The loop's thread only, but for
/// `waker`.
class Fleet {
 public:
  virtual ~Fleet() = default;

  /// Begins a worker's life; never waits for it. What goes wrong at once is the return value, empty
  /// when nothing did. Its end is a Gone, or a NotStarted when there was never a process.
  virtual std::string start(core::WorkerRef worker) = 0;
  /// Never blocks: what cannot go out yet is kept and goes before anything later.
  virtual void send(core::WorkerRef worker, wire::Frames&& message) = 0;
  /// One that has no process yet gets it when it has; or, with SIGKILL, never comes to be.
  virtual void signal(core::WorkerRef worker, int signal) = 0;
  /// Kills who has taken more memory than a worker may.
  virtual void weigh() = 0;
  /// Its places, until `bury`; also after its death.
  virtual ClaimPage& claims(core::WorkerRef worker) = 0;
  /// 0: it has no process yet.
  virtual pid_t pid(core::WorkerRef worker) const = 0;
  virtual const std::string& host(core::WorkerRef worker) const = 0;
  /// It is the agent of another host: its claims are not shared, it keeps its workers' time limits
  /// itself, and how long it takes to start is the fleet's to judge.
  virtual bool is_agent(core::WorkerRef) const { return false; }
  /// It has been told to go: its end is no news.
  virtual void expect_end(core::WorkerRef) {}
  /// The hosts, and the workers of each agent as it last said; appended.
  virtual void describe(PoolStatus&) const {}
  /// Nothing more is wanted of a worker that is gone.
  virtual void bury(core::WorkerRef worker) = 0;

  /// What has happened; waits for something, a wake, or the deadline if nothing has. A past
  /// deadline: only looks.
  virtual void wait(detail::Deadline deadline, Happenings& out) = 0;
  virtual std::shared_ptr<detail::Waker> waker() = 0;
};

}  // namespace flagship::pool
