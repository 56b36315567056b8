// SPDX-License-Identifier: MIT
#include "master/pool/loop/loop.hpp"

#include <algorithm>
#include <csignal>
#include <thread>
#include <utility>

namespace flagship::pool {
namespace {

// How long results of a dead worker are waited for that are not in its outbox: large ones, which
// go out at once.
constexpr auto kLastResults = std::chrono::milliseconds(50);

}  // namespace

Loop::Loop(LoopSettings settings, std::unique_ptr<Fleet> fleet)
    : settings_(settings),
      fleet_(std::move(fleet)),
      scheduler_(settings.scheduler),
      mailbox_(fleet_->waker()),
      lives_(settings.scheduler.max_workers),
      spin_(static_cast<std::size_t>(usable_cpus())) {}

Loop::~Loop() = default;

void Loop::run() {
  try {
    run_until_finished();
  } catch (const std::exception& error) {
    give_up(std::string("the pool's loop failed: ") + error.what());
  }
  fleet_.reset();  // by the thread that started the processes: they would not outlive it
  mailbox_.end();
}

void Loop::run_until_finished() {
  now_ = detail::Clock::now();
  if (settings_.scheduler.eager) handle(core::Tick{});
  for (;;) {
    read_mailbox();
    settle_dying();
    check_limits();
    break_if_broken();
    if (scheduler_.finished()) return;
    wait();
    for (const Happenings::Message& message : happenings_.messages) on_message(message);
    for (const Ref agent : happenings_.leaving) handle(core::WorkerLeaves{agent});
    for (const Happenings::NotStarted& failed : happenings_.not_started) on_not_started(failed);
    for (Happenings::Gone& gone : happenings_.gone)
      dying_.push_back({std::move(gone), now_ + kLastResults});
    if (const auto tick = scheduler_.next_tick(); tick && *tick <= now_) handle(core::Tick{});
  }
}

void Loop::wait() {
  detail::Deadline deadline = scheduler_.next_tick();
  const auto sooner = [&deadline](detail::Clock::time_point time) {
    deadline = deadline ? std::min(*deadline, time) : time;
  };
  for (const Life& life : lives_)
    if (life.limit != detail::Clock::time_point{}) sooner(life.limit);
  if (end_by_) sooner(*end_by_);
  if (weighs()) sooner(weigh_at_);
  if (!dying_.empty()) sooner(now_ + std::chrono::milliseconds(1));
  happenings_.clear();
  if (!spin()) {
    if (mailbox_.falling_asleep()) deadline = now_;
    fleet_->wait(deadline, happenings_);
    mailbox_.awake();
  }
  now_ = detail::Clock::now();
}

/// True when something came while it looked.
bool Loop::spin() {
  const bool busy = std::exchange(busy_, false);
  if (!spin_.worthwhile(scheduler_.queued(), scheduler_.held(), busy, mean_ns_)) return false;
  const auto end = detail::Clock::now() + SpinPolicy::kFor;
  bool paid = false;
  while (!paid && detail::Clock::now() < end) {
    fleet_->wait(now_, happenings_);
    paid = !happenings_.messages.empty() || !happenings_.gone.empty() ||
           !happenings_.not_started.empty() || !mailbox_.empty();
    if (!paid) std::this_thread::yield();  // what it waits for may wait for its CPU
  }
  spin_.learn(paid);
  return paid;
}

// ---- callers
// -------------------------------------------------------------------------------------

void Loop::read_mailbox() {
  if (!mailbox_.take(arrived_, requests_)) return;
  new_tasks_.clear();
  for (auto& call : arrived_) {
    const int priority = call->priority;
    const int retries = call->retries;
    const duration timeout = timeout_of(*call);
    const auto begun = static_cast<std::uint16_t>(call->attempts_before);
    new_tasks_.push_back({keep(std::move(call)), priority, retries, timeout, begun});
  }
  if (!new_tasks_.empty()) handle(core::TasksArrived{new_tasks_});
  for (const auto& call : requests_.cancelled)
    if (call->task < calls_.size() && calls_[call->task].get() == call.get())
      handle(core::TaskCancelled{call->task});
  for (const auto& call : requests_.stopped)
    if (call->task < calls_.size() && calls_[call->task].get() == call.get())
      on_stopped_by_caller(core::make_ticket(call->task, call->stamp));
  if (requests_.cancel_pending)
    for (const auto& call : std::vector(calls_))
      if (call) call->cancel();  // comes back through the mailbox
  if (requests_.terminate != 0) terminate(requests_.terminate);
  if (requests_.deadline)
    end_by_ = std::min(*requests_.deadline, end_by_.value_or(*requests_.deadline));
  if (requests_.shutdown) handle(core::ShutdownAsked{requests_.cancel_pending});
  for (const auto& request : requests_.status) request->answer(status());
}

// An agent outlives what it is told to stop.
void Loop::on_stopped_by_caller(core::Ticket ticket) {
  const std::optional<Ref> holder = scheduler_.holder_of(ticket);
  if (!holder || !fleet_->is_agent(*holder)) return handle(core::TaskStopped{ticket});
  fleet_->send(*holder, writer_.interrupt({&ticket, 1}));
  handle(core::TaskCancelled{core::task_of(ticket)});
}

duration Loop::timeout_of(const detail::RemoteCall& call) const {
  return call.timeout > duration::zero() ? call.timeout : settings_.task_timeout;
}

core::TaskId Loop::keep(detail::Ref<detail::RemoteCall> call) {
  core::TaskId task = 0;
  if (free_tasks_.empty()) {
    task = static_cast<core::TaskId>(calls_.size());
    calls_.emplace_back();
  } else {
    task = free_tasks_.back();
    free_tasks_.pop_back();
  }
  call->task = task;
  call->accepted = now_;
  if (call->payload.size() >= wire::kOwnArgumentBytes)
    call->large_payload = std::make_shared<const std::string>(std::exchange(call->payload, {}));
  calls_[task] = std::move(call);
  return task;
}

void Loop::drop(core::TaskId task) {
  detail::RemoteCall& call = *calls_[task];
  // To give back large ones takes long enough for whoever waits to find the result still shared,
  // and to copy it.
  std::shared_ptr<const std::string> large;
  if (!call.keeps_arguments()) {
    call.payload = {};
    large = std::move(call.large_payload);
  }
  calls_[task] = {};
  free_tasks_.push_back(task);
}

void Loop::terminate(int signal) {
  end_by_.reset();
  for (const Life& life : lives_)
    if (life.alive) kill_politely(life.worker, signal);
  handle(core::TerminateAsked{});
}

// Who does not go by himself is killed.
void Loop::kill_politely(Ref worker, int signal) {
  lives_[worker.id].limit = now_ + settings_.interrupt_grace;
  lives_[worker.id].asked = true;
  fleet_->expect_end(worker);
  fleet_->signal(worker, signal);
}

PoolStatus Loop::status() const {
  PoolStatus status;
  status.queued = scheduler_.queued();
  status.held = scheduler_.held();
  status.deaths = deaths_;
  for (const auto& call : calls_)
    if (call && call->state() == State::running) ++status.running;
  fleet_->describe(status);
  for (const Life& life : lives_) {
    if (life.alive && fleet_->is_agent(life.worker)) continue;  // has described its own
    const pid_t pid = life.alive ? fleet_->pid(life.worker) : 0;
    if (pid == 0) continue;  // somebody may want to signal it, and 0 is his own group
    const core::Worker& worker = scheduler_.workers()[life.worker.id];
    WorkerState state = WorkerState::starting;
    if (worker.life == core::Life::ready)
      state = worker.held > 0 ? WorkerState::busy : WorkerState::idle;
    if (worker.life == core::Life::draining || worker.life == core::Life::stopping)
      state = WorkerState::stopping;
    status.workers.push_back({static_cast<int>(life.worker.id), pid,
                              life.place ? life.place->host : std::string(), state, worker.held,
                              life.isolation});
  }
  return status;
}

// ---- limits and the end ------------------------------------------------------------------------

void Loop::check_limits() {
  if (end_by_ && *end_by_ <= now_) terminate(SIGTERM);
  if (weighs() && weigh_at_ <= now_) {
    fleet_->weigh();
    weigh_at_ = now_ + settings_.weigh_every;
  }
  for (Life& life : lives_) {
    if (life.limit == detail::Clock::time_point{} || life.limit > now_) continue;
    life.limit = {};
    life.late = life.place == nullptr && !life.asked;
    fleet_->signal(life.worker, SIGKILL);
  }
}

void Loop::break_if_broken() {
  if (broken_ || !scheduler_.broken()) return;
  broken_ = true;
  mailbox_.close(*scheduler_.broken());
  for (const Life& life : lives_)
    if (life.alive) fleet_->signal(life.worker, SIGKILL);
}

// The loop itself cannot go on: no future may be left without an outcome.
void Loop::give_up(const std::string& cause) noexcept {
  mailbox_.close(cause);
  for (const Life& life : lives_)
    if (life.alive) fleet_->signal(life.worker, SIGKILL);
  mailbox_.take(arrived_, requests_);
  for (auto& call : arrived_) complete_broken(*call, cause);
  for (auto& call : calls_)
    if (call) complete_broken(*call, cause);
  calls_.clear();
}

}  // namespace flagship::pool
