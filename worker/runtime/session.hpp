// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>
#include <zmq.hpp>

#include "common/claim.hpp"
#include "common/spawn_request.hpp"
#include "common/wire/down.hpp"
#include "common/wire/pieces.hpp"
#include "common/wire/up.hpp"

namespace flagship::worker {

using Clock = std::chrono::steady_clock;

/// A worker's conversation with its supervisor: takes assigned calls, claims them, sends their
/// results in batches. One thread. A runner drives it; what it says of time is handed in.
class Session {
 public:
  /// Connects and says Hello.
  Session(const SpawnRequest& request, ClaimPage claims,
          const std::vector<IsolationLayer>& isolation);

  /// Receives one message; `wait`: blocks until one comes. False: there was none. Calls of the
  /// message before that were not taken by `next` are lost, so take all first.
  bool receive(bool wait);
  /// The next call of the message that was received; its payload is good until the next `receive`.
  std::optional<wire::AssignedCall> next() { return reader_.next(); }
  std::size_t calls_in_message() const { return reader_.calls(); }
  /// The call to make before the first task, once it has come and never again; nothing: none.
  std::optional<wire::AssignedCall> take_initializer();
  /// The supervisor wants no more of this worker: finish what was begun, flush, and return from the
  /// runner.
  bool draining() const { return draining_; }
  /// Readable when `receive` may have something; only edges are reported, so receive until there is
  /// none.
  int fd() { return tasks_.get(zmq::sockopt::fd); }
  /// Calls that it may run at once.
  std::uint32_t concurrency() const { return welcome_.concurrency; }

  /// True: the call is this worker's to run, now. False: it was taken back, or this worker is too
  /// big to begin another; either is reported by itself.
  bool begin(const wire::AssignedCall& call, Clock::time_point now);
  /// True: the call was taken back, which is reported by itself. False: it is still to be begun.
  bool taken_back(const wire::AssignedCall& call);
  /// Where the items of a chunk are noted.
  detail::ChunkNotes::Shared* notes() const { return &claims_.notes(); }
  /// How long a call may run; zero: as long as it likes.
  std::chrono::nanoseconds timeout_of(const wire::AssignedCall& call) const {
    return call.timeout.count() > 0 ? call.timeout : welcome_.task_timeout;
  }
  /// Exactly once for each call that was begun. `payload` may be moved from. False: the call was
  /// stopped, its result is not wanted, and this worker is about to be killed.
  bool finish(const wire::AssignedCall& call, wire::CallEnding ending, std::string& payload,
              std::chrono::nanoseconds wall, const wire::Usage* usage = nullptr);

  std::size_t unsent() const { return writer_.batched(); }
  /// Sends what waits if it has waited long enough, or is enough. `longest`: how long, when that is
  /// shorter than what the supervisor allows.
  void flush_if_due(Clock::time_point now, std::size_t enough,
                    std::chrono::microseconds longest = std::chrono::microseconds::max());
  void flush();
  /// When results that wait now are due; nothing: none wait.
  std::optional<Clock::time_point> flush_due(
      std::chrono::microseconds longest = std::chrono::microseconds::max()) const;
  /// The initializer has returned.
  void say_set_up() { send(writer_.began({})); }
  /// Says why this worker cannot work, which breaks the pool, and waits until that is out.
  void say_bye(const std::string& reason);

 private:
  bool receive_whole(bool wait);
  void look_for_supervisor();
  void look_seldom(bool seldom);
  void send(wire::Frames&& message);
  void send_whole(wire::Frames&& message);
  void give_back(const wire::AssignedCall& call);
  void weigh(std::chrono::nanoseconds wall);
  void keep(const wire::AssignedCall& call, wire::CallEnding ending, const std::string& payload,
            std::chrono::nanoseconds wall, const wire::Usage* usage);
  template <class Condition>
  void wait_for_supervisor(Condition condition);

  const SpawnRequest request_;
  ClaimPage claims_;
  zmq::context_t context_;
  zmq::socket_t tasks_;
  zmq::socket_t results_;
  wire::Blobs message_;
  wire::PieceReader pieces_{~std::size_t{0}};
  wire::DownReader reader_;
  wire::UpWriter writer_;
  wire::Welcome welcome_;
  std::chrono::nanoseconds busy_{};
  std::optional<Clock::time_point> oldest_unsent_;
  std::uint64_t rss_ = 0;        // when it was last weighed; 0: never
  std::uint32_t unweighed_ = 0;  // short calls since then
  bool too_big_ = false;
  std::uint64_t must_arrive_ = 0;  // of the outbox, before another call begins
  bool seldom_ = false;            // does it look whether its supervisor is there
  bool initializer_due_ = false;
  bool draining_ = false;
};

}  // namespace flagship::worker
