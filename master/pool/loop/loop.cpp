// SPDX-License-Identifier: MIT
#include "master/pool/loop/loop.hpp"

#include <algorithm>
#include <csignal>
#include <utility>

#include "common/wire/lost.hpp"

namespace flagship::pool {
namespace {

constexpr std::size_t kBatchBytes = 1 << 20;  // a batch of arguments is not grown beyond this
// How long results of a dead worker are waited for that are not in its outbox: large ones, which
// go out at once.
constexpr auto kLastResults = std::chrono::milliseconds(50);

core::How how_of(wire::CallEnding ending) {
  switch (ending) {
    case wire::CallEnding::returned:
      return core::How::returned;
    case wire::CallEnding::raised:
      return core::How::raised;
    case wire::CallEnding::recalled:
      return core::How::recalled;
    case wire::CallEnding::worker_died:
      return core::How::died;
    case wire::CallEnding::unknown_function:
    case wire::CallEnding::bad_arguments:
    case wire::CallEnding::bad_result:
    case wire::CallEnding::timed_out:
      break;
  }
  return core::How::failed;
}

bool is_from_agent(const wire::CallResult& result) {
  return result.by.pid != 0 || result.ending >= wire::CallEnding::timed_out;
}

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
  if (call->payload.size() >= wire::kOwnFrameBytes)
    call->large_payload = std::make_shared<const std::string>(std::exchange(call->payload, {}));
  calls_[task] = std::move(call);
  return task;
}

void Loop::drop(core::TaskId task) {
  detail::RemoteCall& call = *calls_[task];
  if (!call.keeps_arguments()) {
    call.payload = {};
    call.large_payload.reset();
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

// ---- the scheduler
// -------------------------------------------------------------------------------

void Loop::handle(const core::Event& event) {
  handle_one(event);
  follow_up();
}

void Loop::follow_up() {
  while (!follow_ups_.empty() || !to_harvest_.empty()) {
    std::deque<core::Event> next;
    next.swap(follow_ups_);
    for (const core::Event& event : next) handle_one(event);
    for (const Ref worker : std::exchange(to_harvest_, {})) harvest(worker);
  }
}

void Loop::handle_one(const core::Event& event) {
  commands_.clear();
  scheduler_.handle(event, now_, commands_);
  carry_out(commands_);
}

void Loop::carry_out(core::Commands& commands) {
  for (const core::EndTask& command : commands.ends) end(command);
  for (const core::TaskId task : commands.again)
    if (calls_[task]) calls_[task]->return_to_pending();
  for (const core::StartWorker& command : commands.starts) start(command);
  for (const core::Assign& command : commands.assigns) assign(command, commands);
  for (const core::TakeBack& command : commands.take_backs) take_back(command);
  for (const Ref worker : commands.looks) look(worker);
  for (const Ref worker : commands.harvests) to_harvest_.push_back(worker);
  for (const core::StopTask& command : commands.stops) stop(command);
  for (const Ref worker : commands.kills) kill_politely(worker, SIGTERM);
  for (const core::DrainWorker& command : commands.drains) drain(command.worker);
}

void Loop::start(const core::StartWorker& command) {
  Life& life = lives_[command.worker.id];
  life = {};
  life.worker = command.worker;
  life.alive = true;
  life.concurrency = command.concurrency;
  if (!fleet_->is_agent(command.worker)) life.limit = now_ + settings_.start_limit;
  std::string cause = fleet_->start(command.worker);
  if (cause.empty()) return;
  life = {};
  follow_ups_.emplace_back(core::StartFailed{command.worker, std::move(cause)});
}

void Loop::assign(const core::Assign& command, const core::Commands& commands) {
  ClaimPage& claims = fleet_->claims(command.worker);
  const bool lend = fleet_->is_agent(command.worker);
  std::size_t bytes = 0;
  const auto send = [&] {
    if (writer_.batched() > 0) fleet_->send(command.worker, writer_.take_assign());
    bytes = 0;
  };
  for (std::uint32_t i = command.first; i < command.first + command.count; ++i) {
    const core::AssignedTask& task = commands.assigned[i];
    detail::RemoteCall& call = *calls_[core::task_of(task.ticket)];
    call.stamp = core::stamp_of(task.ticket);
    call.place = &claims[task.place];
    call.assigned = now_;
    if (lend)
      call.place->lend(call.stamp);
    else
      call.place->hold(call.stamp);
    if (!call.hand_over()) {
      follow_ups_.emplace_back(core::TaskCancelled{core::task_of(task.ticket), true});
      continue;
    }
    writer_.add({task.ticket, task.place, call.function, call.notify, call.payload, task.attempt,
                 call.timeout},
                call.large_payload);
    bytes += call.large_payload ? call.large_payload->size() : call.payload.size();
    if (bytes >= kBatchBytes) send();
  }
  send();
}

void Loop::take_back(const core::TakeBack& command) {
  std::vector<core::Ticket> taken;
  if (fleet_->is_agent(command.worker)) {
    for (const core::AssignedTask& task : command.tasks) taken.push_back(task.ticket);
    return fleet_->send(command.worker, writer_.recall(taken));
  }
  for (const core::AssignedTask& task : command.tasks)
    if (calls_[core::task_of(task.ticket)]->take_back()) taken.push_back(task.ticket);
  if (!taken.empty())
    follow_ups_.emplace_back(core::TasksTakenBack{command.worker, std::move(taken)});
}

void Loop::look(Ref worker) {
  core::WorkerSeen seen{worker, {}};
  if (fleet_->is_agent(worker)) {  // which keeps the time itself
    follow_ups_.emplace_back(std::move(seen));
    return;
  }
  for (const core::Ticket ticket : scheduler_.workers().held_by(scheduler_.workers()[worker.id])) {
    const detail::RemoteCall& call = *calls_[core::task_of(ticket)];
    if (const auto began = call.place->running_since(core::stamp_of(ticket)))
      seen.running.push_back({ticket, *began});
  }
  follow_ups_.emplace_back(std::move(seen));
}

void Loop::stop(const core::StopTask& command) {
  if (calls_[core::task_of(command.task.ticket)]->stop_running())
    follow_ups_.emplace_back(core::TaskStopped{command.task.ticket, true});
}

void Loop::drain(Ref worker) {
  Life& life = lives_[worker.id];
  life.asked = true;
  fleet_->expect_end(worker);
  // Who has not come yet need not come.
  if (fleet_->is_agent(worker) && life.place == nullptr) return fleet_->signal(worker, SIGKILL);
  life.limit = now_ + settings_.drain_limit;
  fleet_->send(worker, writer_.drain());
}

void Loop::end(const core::EndTask& end) {
  detail::RemoteCall& call = *calls_[end.task];
  const auto& place = lives_[end.worker].place;
  switch (end.why) {
    case core::Why::result:
      if (const wire::CallResult result = this->result(end.index); is_from_agent(result))
        end_from_agent(call, result, end);
      else
        complete(call, result, end.attempt, place);
      break;
    case core::Why::worker_died:
      salvage(call, end);
      complete_dead(call, *death_, end.attempt, place);
      break;
    case core::Why::cancelled:
      call.cancel_by_owner();
      break;
    case core::Why::timed_out:
      salvage(call, end);
      complete_timed_out(call, timeout_of(call), end.attempt, place);
      break;
    case core::Why::broken:
      complete_broken(call, *scheduler_.broken());
      break;
  }
  drop(end.task);
}

void Loop::end_from_agent(detail::RemoteCall& call, const wire::CallResult& result,
                          const core::EndTask& end) {
  const std::shared_ptr<const detail::Place>& place = place_of(end.worker, result);
  if (result.ending != wire::CallEnding::timed_out &&
      result.ending != wire::CallEnding::worker_died)
    return complete(call, result, end.attempt, place);
  wire::LostCall lost = wire::unpack_lost(result.payload);
  call.salvage(lost.notes);
  if (result.ending == wire::CallEnding::timed_out)
    return complete_timed_out(call, timeout_of(call), end.attempt, place);
  if (settings_.scheduler.on_death == core::OnDeath::break_pool)
    follow_ups_.emplace_back(core::PoolBroke{"worker process " + std::to_string(lost.death.pid) +
                                             " of " + lost.death.host + " " +
                                             describe(lost.death)});
  complete_dead(call, std::move(lost.death), end.attempt, place);
}

// Results of an agent say which of its workers they are of.
const std::shared_ptr<const detail::Place>& Loop::place_of(std::uint32_t worker,
                                                           const wire::CallResult& result) {
  constexpr std::uint32_t kMostWorkers = 100'000;
  Life& life = lives_[worker];
  if (result.by.pid == 0 || result.by.worker >= kMostWorkers || !fleet_->is_agent(life.worker))
    return life.place;
  if (result.by.worker >= life.places.size()) life.places.resize(result.by.worker + 1);
  auto& place = life.places[result.by.worker];
  if (!place || place->pid != result.by.pid)
    place = std::make_shared<const detail::Place>(detail::Place{
        fleet_->host(life.worker), result.by.pid, static_cast<int>(result.by.worker)});
  return place;
}

void Loop::salvage(detail::RemoteCall& call, const core::EndTask& end) {
  const core::Ticket ticket = core::make_ticket(end.task, call.stamp);
  call.salvage(detail::ChunkNotes::read(fleet_->claims(lives_[end.worker].worker).notes(), ticket));
}

// Of what is being handled; they are asked for in order.
wire::CallResult Loop::result(std::uint32_t index) {
  if (harvested_ != nullptr) return (*harvested_)[index];
  std::optional<wire::CallResult> result = reader_.next();
  for (++next_result_; next_result_ <= index; ++next_result_) result = reader_.next();
  return *result;
}

// ---- workers
// -------------------------------------------------------------------------------------

Loop::Life* Loop::life_of(wire::Sender sender) {
  if (sender.worker >= lives_.size()) return nullptr;
  Life& life = lives_[sender.worker];
  return life.alive && life.worker.incarnation == sender.incarnation ? &life : nullptr;
}

void Loop::on_message(const Happenings::Message& message) {
  const wire::UpReader::Kind kind = reader_.read(message.blobs);
  if (kind == wire::UpReader::Kind::malformed) return on_malformed(message.sender);
  Life* const life = life_of(reader_.sender());
  if (life == nullptr) return;
  if (message.sender != fleet_->pid(life->worker) && message.sender != 0) return;
  const bool agent = fleet_->is_agent(life->worker);
  if (agent != message.agent.has_value() || (agent && !(*message.agent == life->worker))) return;
  switch (kind) {
    case wire::UpReader::Kind::hello:
      return on_hello(*life);
    case wire::UpReader::Kind::results:
      return on_results(*life);
    case wire::UpReader::Kind::began:
      if (reader_.tickets().empty()) handle(core::WorkerSetUp{life->worker});
      for (const core::Ticket ticket : reader_.tickets()) {
        const core::TaskId task = core::task_of(ticket);
        if (task >= calls_.size() || !calls_[task]) continue;
        detail::RemoteCall& call = *calls_[task];
        if (call.stamp != core::stamp_of(ticket)) continue;
        if (agent && call.place != nullptr) call.place->lent_has_begun(call.stamp);
        call.tell_running();
      }
      return;
    case wire::UpReader::Kind::bye:
      return handle(core::PoolBroke{reader_.bye_reason()});
    case wire::UpReader::Kind::malformed:
      return;
  }
}

// Whatever it wanted to say is lost, results perhaps: only its death can tell what becomes of what
// it holds.
void Loop::on_malformed(pid_t sender) {
  for (const Life& life : lives_)
    if (life.alive && sender != 0 && fleet_->pid(life.worker) == sender)
      fleet_->signal(life.worker, SIGKILL);
}

void Loop::on_hello(Life& life) {
  const wire::Hello hello = reader_.hello();
  if (hello.protocol != wire::kProtocol) {
    return handle(core::PoolBroke{"the worker executable speaks version " +
                                  std::to_string(hello.protocol) + " of the protocol (Flagship " +
                                  hello.version + "), this program version " +
                                  std::to_string(wire::kProtocol)});
  }
  any_hello_ = true;
  life.limit = {};
  life.isolation = hello.isolation;
  life.place = std::make_shared<const detail::Place>(
      detail::Place{fleet_->host(life.worker), hello.pid, static_cast<int>(life.worker.id)});
  wire::Welcome welcome;
  welcome.concurrency = life.concurrency;
  welcome.flush_after = settings_.flush_after;
  welcome.initializer_function = settings_.initializer.function;
  welcome.initializer = settings_.initializer.payload;
  welcome.max_rss = settings_.scheduler.max_worker_rss;
  welcome.task_timeout = settings_.task_timeout;
  fleet_->send(life.worker, writer_.welcome(welcome));
  const bool sets_up = settings_.initializer.function != 0;
  if (!fleet_->is_agent(life.worker)) return handle(core::WorkerReady{life.worker, sets_up});
  handle(core::WorkerReady{life.worker, sets_up, hello.concurrency, hello.lag});
}

void Loop::on_results(Life& life) {
  fleet_->claims(life.worker).outbox().arrived(reader_.kept());
  const std::span<const std::uint64_t> tickets = reader_.tickets();
  how_.clear();
  if (!reader_.all_returned())
    for (std::size_t i = 0; i < tickets.size(); ++i) how_.push_back(how_of(reader_.ending(i)));
  if (fleet_->is_agent(life.worker))
    deaths_ += static_cast<std::size_t>(std::count(how_.begin(), how_.end(), core::How::died));
  next_result_ = 0;
  busy_ = true;
  if (!tickets.empty())
    mean_ns_ = static_cast<double>(reader_.busy().count()) / static_cast<double>(tickets.size());
  handle(core::ResultsArrived{life.worker, tickets, how_, reader_.busy(), reader_.rss()});
}

// What a worker has finished and cannot send: it is dead, or busy. The message with it, if one
// comes yet, brings nothing new then.
void Loop::harvest(Ref worker) {
  if (life_of({worker.id, worker.incarnation}) == nullptr) return;
  wire::Outbox outbox = fleet_->claims(worker).outbox();
  if (outbox.empty()) return;
  const wire::Outbox::Unread unread = outbox.take();
  std::vector<core::Ticket> tickets;
  std::vector<core::How> how;
  for (const wire::CallResult& result : unread.results) {
    tickets.push_back(result.ticket);
    how.push_back(how_of(result.ending));
  }
  const core::ResultsArrived event{worker, tickets, how, unread.busy};
  harvested_ = &unread.results;
  handle_one(event);
  harvested_ = nullptr;
}

bool Loop::results_under_way(Ref worker) {
  for (const core::Ticket ticket : scheduler_.workers().held_by(scheduler_.workers()[worker.id])) {
    const detail::RemoteCall& call = *calls_[core::task_of(ticket)];
    if (call.place->is(core::stamp_of(ticket), Claim::finished)) return true;
  }
  return false;
}

void Loop::settle_dying() {
  for (std::size_t i = 0; i < dying_.size();) {
    const Dying& dying = dying_[i];
    to_harvest_.push_back(dying.gone.worker);
    follow_up();
    if (life_of({dying.gone.worker.id, dying.gone.worker.incarnation}) != nullptr &&
        dying.limit > now_ && results_under_way(dying.gone.worker)) {
      ++i;
      continue;
    }
    const Happenings::Gone gone = std::move(dying_[i].gone);
    dying_.erase(dying_.begin() + static_cast<std::ptrdiff_t>(i));
    on_gone(gone);
  }
}

void Loop::on_gone(const Happenings::Gone& gone) {
  Life* const life = life_of({gone.worker.id, gone.worker.incarnation});
  if (life == nullptr) return;
  const core::Life was = scheduler_.workers()[gone.worker.id].life;
  if (was != core::Life::draining && was != core::Life::stopping && !broken_) ++deaths_;
  const std::vector<core::Ticket> begun = detach_held(gone.worker);
  std::string cause = cause_of(*life, gone.death);
  if (life->late) give_up_on_program(cause);
  life->alive = false;
  life->limit = {};
  death_ = &gone.death;
  handle(core::WorkerGone{gone.worker, begun, std::move(cause)});
  death_ = nullptr;
  // Only now: until they end, callers look into its claim page for calls that it had begun.
  fleet_->bury(gone.worker);
}

void Loop::on_not_started(const Happenings::NotStarted& failed) {
  Life& life = lives_[failed.worker.id];
  if (!life.alive || !(life.worker == failed.worker)) return;
  if (life.late) give_up_on_program(failed.cause);
  life = {};
  handle(core::StartFailed{failed.worker, failed.cause, failed.hopeless});
}

// Another start would take as long: only a program that has ever been a worker gets one.
void Loop::give_up_on_program(const std::string& cause) {
  if (!any_hello_) handle(core::PoolBroke{"no worker could be started: " + cause});
}

std::string Loop::cause_of(const Life& life, const Death& death) const {
  if (fleet_->is_agent(life.worker)) return "host " + death.lost_with;
  const std::string hint =
      "; does the main of " + settings_.worker_program + " call flagship::init?";
  std::string text = "worker process " + std::to_string(death.pid);
  if (life.late) return text + " did not say Hello in time" + hint;
  if (life.place == nullptr) text += " of " + settings_.worker_program;
  text += " " + describe(death);
  if (life.place == nullptr)
    text += " before it said Hello";
  else if (scheduler_.workers()[life.worker.id].setting_up)
    text += " while it ran the initializer";
  if (!settings_.limits.empty() && life.place == nullptr)
    text += ", with " + settings_.limits + " as its limits";
  if (!death.stderr_tail.empty()) return text + ": " + death.stderr_tail;
  return life.place == nullptr && death.exit_code >= 0 && settings_.limits.empty() ? text + hint
                                                                                   : text;
}

// Takes everything out of a dead worker's hands; what it had begun is returned.
std::vector<core::Ticket> Loop::detach_held(Ref worker) {
  std::vector<core::Ticket> begun;
  for (const core::Ticket ticket : scheduler_.workers().held_by(scheduler_.workers()[worker.id])) {
    detail::RemoteCall& call = *calls_[core::task_of(ticket)];
    if (!call.take_back() && !call.place->is(core::stamp_of(ticket), Claim::recalled))
      begun.push_back(ticket);
  }
  return begun;
}

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
