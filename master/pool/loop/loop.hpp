// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/wire/down.hpp"
#include "common/wire/up.hpp"
#include "flagship/detail/call.hpp"
#include "master/pool/core/scheduler.hpp"
#include "master/pool/loop/completion.hpp"
#include "master/pool/loop/fleet.hpp"
#include "master/pool/loop/mailbox.hpp"
#include "master/pool/loop/spin.hpp"

namespace flagship::pool {

struct LoopSettings {
  core::Settings scheduler;
  std::size_t max_message_bytes = 0;
  std::string worker_program = "this executable";  // for errors
  std::chrono::microseconds flush_after{5000};
  Initializer initializer{};
  duration task_timeout{};  // of calls without one of their own; zero: none
  duration interrupt_grace = std::chrono::seconds(2);
  duration start_limit =
      std::chrono::seconds(10);  // a worker that has not said Hello by then is given up
  std::string limits{};          // of each worker process, in words; empty: none
  duration weigh_every{};        // workers that run something; zero: never
  duration drain_limit =
      std::chrono::seconds(5);  // a worker that was told to leave and is still there is killed
};

/// Drives a pool: carries what callers and workers say to the scheduler, and what the scheduler
/// decides to them. `run` is the body of the pool's one thread, which owns everything here; the
/// mailbox is the way in.
class Loop {
 public:
  Loop(LoopSettings settings, std::unique_ptr<Fleet> fleet);
  ~Loop();

  detail::Mailbox& mailbox() { return mailbox_; }
  /// Returns when all calls have ended and all workers are gone after a shutdown. Never throws.
  void run();
  /// For the loop's own thread, in a callback; others ask by the mailbox.
  PoolStatus status() const;

 private:
  using Ref = core::WorkerRef;
  struct Dying {  // gone, but results of it are on their way yet
    Happenings::Gone gone;
    detail::Clock::time_point limit;
  };
  struct Life {  // what the loop keeps of a worker besides
    Ref worker;
    bool alive = false;
    bool late = false;   // it did not say Hello in time
    bool asked = false;  // it was told to go
    std::uint32_t concurrency = 1;
    detail::Clock::time_point limit{};  // for its Hello, or to be gone; zero: none
    std::shared_ptr<const detail::Place> place;
    std::vector<IsolationLayer> isolation{};                     // as its Hello said
    std::vector<std::shared_ptr<const detail::Place>> places{};  // an agent's workers
  };

  void run_until_finished();
  void read_mailbox();
  void wait();
  bool spin();
  void handle(const core::Event& event);
  void follow_up();
  void handle_one(const core::Event& event);
  void carry_out(core::Commands& commands);
  void start(const core::StartWorker& command);
  void assign(const core::Assign& command, const core::Commands& commands);
  void take_back(const core::TakeBack& command);
  void look(Ref worker);
  void stop(const core::StopTask& command);
  void on_stopped_by_caller(core::Ticket ticket);
  const std::shared_ptr<const detail::Place>& place_of(std::uint32_t worker,
                                                       const wire::CallResult& result);
  void end_from_agent(detail::RemoteCall& call, const wire::CallResult& result,
                      const core::EndTask& end);
  void kill_politely(Ref worker, int signal);
  void drain(Ref worker);
  void end(const core::EndTask& end);
  void salvage(detail::RemoteCall& call, const core::EndTask& end);

  void on_message(const Happenings::Message& message);
  void on_malformed(pid_t sender);
  void on_hello(Life& life);
  void on_results(Life& life);
  void on_not_started(const Happenings::NotStarted& failed);
  void on_gone(const Happenings::Gone& gone);
  std::string cause_of(const Life& life, const Death& death) const;
  void give_up_on_program(const std::string& cause);
  void settle_dying();
  void harvest(Ref worker);
  wire::CallResult result(std::uint32_t index);
  bool results_under_way(Ref worker);
  std::vector<core::Ticket> detach_held(Ref worker);
  void check_limits();
  bool weighs() const { return settings_.weigh_every > duration::zero() && scheduler_.held() > 0; }
  void terminate(int signal);
  void break_if_broken();
  void give_up(const std::string& cause) noexcept;

  Life* life_of(wire::Sender sender);
  duration timeout_of(const detail::RemoteCall& call) const;
  core::TaskId keep(detail::Ref<detail::RemoteCall> call);
  void drop(core::TaskId task);

  const LoopSettings settings_;
  std::unique_ptr<Fleet> fleet_;
  core::Scheduler scheduler_;
  detail::Mailbox mailbox_;

  std::vector<detail::Ref<detail::RemoteCall>> calls_;  // by task
  std::vector<core::TaskId> free_tasks_;
  std::vector<Life> lives_;  // by worker
  core::Time now_{};
  SpinPolicy spin_;
  bool busy_ = false;    // results came since the last wait
  double mean_ns_ = -1;  // running time of a call, in the last results
  std::size_t deaths_ = 0;
  detail::Deadline end_by_;  // of a shutdown
  detail::Clock::time_point weigh_at_{};
  bool broken_ = false;
  bool any_hello_ = false;  // of any worker, ever

  wire::DownWriter writer_;
  wire::UpReader reader_;
  // Of what is being handled right now:
  std::uint32_t next_result_ = 0;                             // of the message in `reader_`
  const std::vector<wire::CallResult>* harvested_ = nullptr;  // instead of that message
  const Death* death_ = nullptr;
  std::deque<core::Event> follow_ups_;
  std::vector<Ref> to_harvest_;

  // Reused from turn to turn.
  core::Commands commands_;
  std::vector<core::How> how_;
  std::vector<detail::Ref<detail::RemoteCall>> arrived_;
  std::vector<core::NewTask> new_tasks_;
  detail::Mailbox::Requests requests_;
  Happenings happenings_;
  std::vector<Dying> dying_;
};

}  // namespace flagship::pool
