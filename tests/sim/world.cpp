// SPDX-License-Identifier: MIT
#include "tests/sim/world.hpp"

#include <algorithm>
#include <array>
#include <sstream>
#include <utility>
#include <variant>

namespace flagship::sim {
namespace {

using namespace std::chrono_literals;
using core::How;
using core::TaskId;
using core::Ticket;
using core::Why;

std::string text_of(core::WorkerRef ref) {
  return std::to_string(ref.id) + "." + std::to_string(ref.incarnation);
}

std::uint64_t scramble(std::uint64_t seed) { return (seed + 1) * 0x9e3779b97f4a7c15ull; }

core::Settings settings_of(std::uint64_t seed) {
  std::mt19937_64 random(scramble(seed));
  core::Settings settings;
  settings.max_workers = 1 + static_cast<std::uint32_t>(random() % 5);
  settings.concurrency =
      random() % 4 == 0 ? settings.max_workers * static_cast<std::uint32_t>(1 + random() % 3) : 0;
  settings.on_death = std::array{core::OnDeath::fail_task, core::OnDeath::retry,
                                 core::OnDeath::retry, core::OnDeath::break_pool}[random() % 4];
  settings.max_attempts = 1 + static_cast<int>(random() % 3);
  settings.eager = random() % 5 == 0;
  settings.max_window = std::array{4u, 16u, 4096u}[random() % 3];
  settings.max_fruitless = 3 + static_cast<int>(random() % 4);
  settings.max_tasks_per_worker =
      random() % 3 == 0 ? 1 + static_cast<std::uint32_t>(random() % 6) : 0;
  settings.max_worker_rss = random() % 3 == 0 ? 1000 : 0;
  settings.idle_timeout = random() % 3 == 0 ? core::Duration(5ms) : core::Duration{};
  return settings;
}

Weather weather_of(std::uint64_t seed) {
  std::mt19937_64 random(scramble(seed) ^ 77);
  Weather weather;
  const auto some = [&](std::uint32_t most) {
    return random() % 3 == 0 ? 0 : static_cast<std::uint32_t>(random() % most);
  };
  weather.submits = 50 + some(250);
  weather.cancels = some(80);
  weather.interrupts = some(60);
  weather.deaths = some(60);
  weather.late_duplicates = some(40);
  weather.failing_starts = some(400);
  weather.raises = some(300);
  weather.ends = some(8);
  weather.steps = 50 + some(500);
  weather.most_at_once = 1 + some(40);
  return weather;
}

}  // namespace

World::World(std::uint64_t seed)
    : seed_(seed),
      random_(scramble(seed) ^ 4711),
      weather_(weather_of(seed)),
      settings_(settings_of(seed)),
      scheduler_(settings_) {}

void World::run() {
  if (settings_.eager) tell(core::Tick{}, "begin");
  for (std::uint32_t step = 0; step < weather_.steps; ++step) something_happens();
  friendly_ = true;
  const std::uint64_t most = 20'000 + 400 * serials_;
  for (std::uint64_t step = 0; !scheduler_.finished(); ++step) {
    check(step < most, "the pool goes on for ever");
    if (live_tasks_ == 0 && !stopping_) shut_down(false);
    if (!something_good_happens()) check(scheduler_.finished(), "the pool is stuck");
  }
  check(live_tasks_ == 0, "finished with tasks that have not ended");
  for (const Process& process : processes_)
    check(process.life == Life::buried, "finished with worker " + text_of(process.ref) + " alive");
}

// ---- what happens -----------------------------------------------------------------------------

void World::something_happens() {
  std::erase_if(processes_, [](const Process& p) { return p.life == Life::buried; });
  if (!stopping_ && happens(weather_.submits)) return submit();
  if (happens(weather_.cancels)) return cancel_one();
  if (happens(weather_.interrupts)) return interrupt_one();
  if (happens(weather_.late_duplicates)) return duplicate();
  if (happens(weather_.ends)) return end_somehow();
  if (happens(weather_.deaths)) {
    auto living = processes(
        [](const Process& p) { return p.life == Life::starting || p.life == Life::ready; });
    if (!living.empty()) return die(*any(living));
  }
  something_good_happens();
}

bool World::something_good_happens() {
  std::erase_if(processes_, [](const Process& p) { return p.life == Life::buried; });
  enum class Act {
    ready,
    begin,
    finish,
    flush,
    deliver,
    die,
    bury,
    take_back,
    cancel,
    interrupt,
    time
  };
  std::vector<std::pair<Act, Process*>> acts;
  for (Process& p : processes_) {
    if (p.life == Life::buried) continue;
    if (p.life == Life::starting) acts.emplace_back(Act::ready, &p);
    if (p.life == Life::ready) {
      if (!p.inbox.empty() && p.running.size() < p.concurrency) acts.emplace_back(Act::begin, &p);
      if (!p.running.empty()) acts.emplace_back(Act::finish, &p);
      if (!p.unsent.tickets.empty()) acts.emplace_back(Act::flush, &p);
      const bool idle = p.inbox.empty() && p.running.empty() && p.unsent.tickets.empty();
      if (p.quits || p.leaving) acts.emplace_back(Act::die, &p);
      if (p.doomed || (p.drain_sent && idle)) acts.emplace_back(Act::die, &p);
    }
    if (p.doomed && p.life == Life::starting) acts.emplace_back(Act::die, &p);
    if (!p.in_flight.empty()) acts.emplace_back(Act::deliver, &p);
    if (p.life == Life::dead && p.in_flight.empty()) acts.emplace_back(Act::bury, &p);
  }
  if (!take_backs_.empty()) acts.emplace_back(Act::take_back, nullptr);
  if (!cancels_.empty()) acts.emplace_back(Act::cancel, nullptr);
  if (!interrupts_.empty()) acts.emplace_back(Act::interrupt, nullptr);
  if (scheduler_.next_tick()) acts.emplace_back(Act::time, nullptr);
  if (acts.empty()) return false;
  const auto [act, process] = any(acts);
  switch (act) {
    case Act::ready:
      if (!friendly_ && happens(weather_.failing_starts))
        fail_start(*process);
      else
        become_ready(*process);
      break;
    case Act::begin:
      begin_next(*process);
      break;
    case Act::finish:
      finish_one(*process);
      break;
    case Act::flush:
      flush(*process);
      break;
    case Act::deliver:
      deliver(*process);
      break;
    case Act::die:
      die(*process);
      break;
    case Act::bury:
      tell_death(*process);
      break;
    case Act::take_back:
      answer_take_back();
      break;
    case Act::cancel:
      deliver_cancel();
      break;
    case Act::interrupt:
      deliver_interrupt();
      break;
    case Act::time:
      pass_time();
      break;
  }
  return true;
}

void World::submit() {
  std::vector<core::NewTask> tasks;
  for (std::uint32_t n = 1 + below(weather_.most_at_once); n > 0; --n) {
    const int retries = happens(200) ? static_cast<int>(below(3)) : 0;
    const int priority = happens(200) ? static_cast<int>(below(5)) - 2 : 0;
    const core::Duration timeout = happens(200) ? core::Duration(2ms) : core::Duration{};
    tasks.push_back({new_task(retries), priority, retries, timeout});
    tasks_[tasks.back().task].timeout = timeout;
  }
  tell(core::TasksArrived{tasks}, std::to_string(tasks.size()) + " tasks arrive");
}

TaskId World::new_task(int retries) {
  if (free_.empty()) {
    free_.push_back(static_cast<TaskId>(tasks_.size()));
    tasks_.emplace_back();
  }
  const TaskId task = free_.back();
  free_.pop_back();
  tasks_[task] = {};
  tasks_[task].known = true;
  tasks_[task].serial = ++serials_;
  tasks_[task].retries = retries;
  ++live_tasks_;
  return task;
}

// A caller cancels: it is decided in the claim page at once, and told to the scheduler later.
void World::cancel_one() {
  if (tasks_.empty()) return;
  const TaskId id = below(static_cast<std::uint32_t>(tasks_.size()));
  Task& task = tasks_[id];
  if (!task.known || task.wants_cancel || (task.held && !recall(task))) return;
  task.wants_cancel = true;
  cancels_.emplace_back(id, task.serial);
}

bool World::move(const Task& task, Page from, Page to) {
  Process* const process = find(task.worker);
  if (process == nullptr) return false;
  auto& [stamp, state] = process->places.at(task.place);
  if (stamp != core::stamp_of(task.ticket) || state != from) return false;
  state = to;
  return true;
}

// A caller stops a running task: likewise.
void World::interrupt_one() {
  if (tasks_.empty()) return;
  Task& task = any(tasks_);
  if (!task.known || task.wants_cancel || !task.held) return;
  if (!move(task, Page::running, Page::stopped)) return;
  task.wants_cancel = true;
  interrupts_.push_back({task.ticket});
}

void World::deliver_interrupt() {
  const core::TaskStopped event = interrupts_.front();
  interrupts_.pop_front();
  tell(event, "interrupt task " + std::to_string(core::task_of(event.ticket)));
}

void World::deliver_cancel() {
  const auto [id, serial] = cancels_.front();
  cancels_.pop_front();
  if (!tasks_[id].known || tasks_[id].serial != serial) return;
  tell(core::TaskCancelled{id}, "cancel task " + std::to_string(id));
}

void World::end_somehow() {
  switch (below(4)) {
    case 0:
      return shut_down(false);
    case 1:
      return shut_down(true);
    case 2:
      return terminate();
    default:
      return tell(core::PoolBroke{"it was time"}, "the pool breaks");
  }
}

void World::shut_down(bool cancel_pending) {
  stopping_ = true;
  cancelling_ = cancelling_ || cancel_pending;
  if (cancel_pending) {
    for (TaskId id = 0; id < tasks_.size(); ++id) {
      Task& task = tasks_[id];
      if (!task.known || task.wants_cancel || (task.held && !recall(task))) continue;
      task.wants_cancel = true;
      cancels_.emplace_back(id, task.serial);
    }
  }
  tell(core::ShutdownAsked{cancel_pending}, "shutdown");
}

void World::terminate() {
  stopping_ = terminating_ = true;
  for (Process& process : processes_) process.doomed = true;
  tell(core::TerminateAsked{}, "terminate");
  tell(core::ShutdownAsked{}, "shutdown");
}

void World::become_ready(Process& process) {
  process.life = Life::ready;
  tell(core::WorkerReady{process.ref}, "worker " + text_of(process.ref) + " is ready");
}

void World::fail_start(Process& process) {
  process.life = Life::buried;
  tell(core::StartFailed{process.ref, "it was not to be"},
       "worker " + text_of(process.ref) + " cannot start");
}

void World::begin_next(Process& process) {
  const Call call = process.inbox.front();
  process.inbox.pop_front();
  auto& [stamp, state] = process.places.at(call.place);
  check(stamp == core::stamp_of(call.ticket), "a place was given to two tasks at once");
  if (process.big && state == Page::held) state = Page::recalled;
  if (state == Page::recalled) {
    process.unsent.tickets.push_back(call.ticket);
    process.unsent.how.push_back(How::recalled);
    return;
  }
  state = Page::running;
  process.running.push_back(call);
  process.running.back().began = now_;
  const std::uint32_t limit = settings_.max_tasks_per_worker;
  check(limit == 0 || ++process.begun <= limit, "a worker begins more than max_tasks_per_worker");
  Task& task = tasks_[core::task_of(call.ticket)];
  if (scheduler_.broken()) return;  // until the kill arrives, what has ended may begin
  check(task.known && task.ticket == call.ticket, "a task begins that is elsewhere or has ended");
  ++task.begun;
  const int most = 1 + task.retries +
                   (settings_.on_death == core::OnDeath::retry ? settings_.max_attempts - 1 : 0);
  check(task.begun <= most, "a task begins too often");
}

void World::finish_one(Process& process) {
  const std::size_t i = below(static_cast<std::uint32_t>(process.running.size()));
  const Call call = process.running[i];
  process.running.erase(process.running.begin() + static_cast<std::ptrdiff_t>(i));
  Page& page = process.places.at(call.place).second;
  if (page == Page::stopped) {  // its end is not its own any more
    process.quits = true;
    return;
  }
  page = Page::finished;
  process.unsent.tickets.push_back(call.ticket);
  process.unsent.how.push_back(happens(weather_.raises) ? How::raised
                               : happens(20)            ? How::failed
                                                        : How::returned);
  if (!happens(50))
    process.outbox.emplace(call.ticket, process.unsent.how.back());  // else too large
  if (happens(50))
    process.usual_call = std::array<core::Duration, 4>{1us, 300us, 10ms, 1s}[below(4)];
  process.unsent.busy += process.usual_call;
  if (settings_.max_worker_rss > 0) {
    process.big = process.big || happens(100);
    process.unsent.rss = process.big ? settings_.max_worker_rss + 1 : 10;
  }
}

void World::flush(Process& process) {
  process.in_flight.push_back(std::exchange(process.unsent, {}));
}

void World::deliver(Process& process) {
  Message message = std::move(process.in_flight.front());
  process.in_flight.pop_front();
  for (const Ticket ticket : message.tickets) {
    process.outstanding.erase(ticket);
    process.outbox.erase(ticket);
  }
  process.known_big = process.known_big || message.rss > settings_.max_worker_rss;
  tell(core::ResultsArrived{process.ref, message.tickets, message.how, message.busy, message.rss},
       std::to_string(message.tickets.size()) + " results of worker " + text_of(process.ref));
  old_messages_.emplace_back(process.ref, std::move(message));
  if (old_messages_.size() > 20) old_messages_.pop_front();
}

// The same once more, or of a life that is over: nothing of it may count.
void World::duplicate() {
  if (old_messages_.empty()) return;
  const auto [ref, message] =
      old_messages_[below(static_cast<std::uint32_t>(old_messages_.size()))];
  const std::uint64_t before = results_;
  tell(core::ResultsArrived{ref, message.tickets, message.how, message.busy}, "old results again");
  check(results_ == before, "old results ended a task");
}

// Of what it has sent some is lost, or none.
void World::die(Process& process) {
  process.life = Life::dead;
  story_.push_back("worker " + text_of(process.ref) + " dies");
  const bool polite = process.drain_sent && !process.doomed;
  if (polite || process.in_flight.empty()) return;
  process.in_flight.resize(below(static_cast<std::uint32_t>(process.in_flight.size()) + 1));
}

void World::tell_death(Process& process) {
  harvest(process.ref);
  tell(core::Tick{}, "what worker " + text_of(process.ref) + " had finished is taken");
  std::vector<Ticket> begun;
  for (const auto& [ticket, place] : process.outstanding) {
    const Task& task = tasks_[core::task_of(ticket)];
    if (!task.known || task.ticket != ticket) continue;
    const auto& [stamp, state] = process.places.at(place);
    const bool began = state != Page::held && state != Page::recalled;
    if (stamp == core::stamp_of(ticket) && began) begun.push_back(ticket);
  }
  process.life = Life::buried;
  for (const Ticket ticket : begun) ++tasks_[core::task_of(ticket)].deaths;
  tell(core::WorkerGone{process.ref, begun, "it died"},
       "worker " + text_of(process.ref) + " is gone, having begun " + std::to_string(begun.size()));
}

void World::answer_take_back() {
  const core::TakeBack asked = std::move(take_backs_.front());
  take_backs_.pop_front();
  std::vector<Ticket> taken;
  for (const core::AssignedTask& wanted : asked.tasks) {
    const Task& task = tasks_[core::task_of(wanted.ticket)];
    const bool there = task.known && task.held && task.ticket == wanted.ticket;
    if (there && !happens(200) && recall(task)) taken.push_back(wanted.ticket);
    if (!there && happens(100)) taken.push_back(wanted.ticket);  // stale: to be ignored
  }
  tell(core::TasksTakenBack{asked.worker, taken},
       std::to_string(taken.size()) + " taken back from worker " + text_of(asked.worker));
}

void World::pass_time() {
  const core::Time next = *scheduler_.next_tick();
  if (!friendly_ && happens(500))
    now_ += std::chrono::microseconds(below(3000));
  else
    now_ = std::max(now_, next);
  if (now_ >= next) tell(core::Tick{}, "tick");
}

// ---- the scheduler and the loop ---------------------------------------------------------------

void World::tell(const core::Event& event, const std::string& what) {
  story_.push_back(what);
  if (story_.size() > 60) story_.pop_front();
  core::Commands commands;
  scheduler_.handle(event, now_, commands);
  carry_out(event, commands);
  if (scheduler_.broken())
    for (Process& process : processes_) process.doomed = true;
  while (!follow_ups_.empty()) {
    const core::Event next = std::move(follow_ups_.front());
    follow_ups_.pop_front();
    core::Commands more;
    scheduler_.handle(next, now_, more);
    carry_out(next, more);
  }
  harvested_.clear();
  check_totals();
}

void World::carry_out(const core::Event& event, const core::Commands& commands) {
  std::uint32_t last_index = 0;
  for (const core::EndTask& command : commands.ends) {
    if (command.why == Why::result) {
      check(command.index >= last_index, "results are not asked for in order");
      last_index = command.index;
    }
    end(event, command);
  }
  for (const TaskId id : commands.again)
    if (tasks_[id].known) tasks_[id].held = false;
  if (const auto* taken = std::get_if<core::TasksTakenBack>(&event)) {
    for (const Ticket ticket : taken->tickets) {
      Task& task = tasks_[core::task_of(ticket)];
      if (task.known && task.ticket == ticket) task.held = false;
    }
  }
  for (const core::StartWorker& command : commands.starts) start(command);
  for (const core::Assign& command : commands.assigns) assign(command, commands);
  for (const core::TakeBack& command : commands.take_backs) {
    process_of(command.worker, "take-back");
    take_backs_.push_back(command);
  }
  for (const Ref worker : commands.looks) look(worker);
  for (const Ref worker : commands.harvests) harvest(worker);
  for (const core::StopTask& command : commands.stops) stop(command);
  for (const Ref worker : commands.kills) kill(worker);
  for (const core::DrainWorker& command : commands.drains) drain(command.worker);
  if (!commands.starts.empty()) check_not_too_many();
}

void World::check_not_too_many() const {
  std::size_t staying = 0;
  for (const Process& process : processes_)
    staying += process.life != Life::buried && !process.drain_sent && !process.leaving ? 1 : 0;
  const bool all = settings_.eager && !stopping_;
  check(all || staying <= live_tasks_, "more workers than tasks");
}

void World::end(const core::Event& event, const core::EndTask& command) {
  const std::string name = "task " + std::to_string(command.task);
  check(command.task < tasks_.size() && tasks_[command.task].known, name + " ends twice");
  Task& task = tasks_[command.task];
  switch (command.why) {
    case Why::result: {
      const auto* const results = std::get_if<core::ResultsArrived>(&event);
      ++results_;
      check(results != nullptr, name + " ends with a result that nobody brought");
      check(
          command.index < results->tickets.size() && results->tickets[command.index] == task.ticket,
          name + " ends with the result of another");
      check(task.held, name + " ends with a result while it waits");
      const How how = results->how.empty() ? How::returned : results->how[command.index];
      check(how != How::recalled, name + " ends although it was passed over");
      check(command.attempt == static_cast<std::uint32_t>(task.begun), name + ": attempt is wrong");
      break;
    }
    case Why::worker_died: {
      const auto* const gone = std::get_if<core::WorkerGone>(&event);
      check(gone != nullptr, name + " ends with a death that did not happen");
      check(std::find(gone->begun.begin(), gone->begun.end(), task.ticket) != gone->begun.end(),
            name + " ends with a death although it had not begun");
      check(command.attempt == static_cast<std::uint32_t>(task.begun), name + ": attempt is wrong");
      if (settings_.on_death == core::OnDeath::retry && !terminating_ && !scheduler_.broken())
        check(task.begun >= settings_.max_attempts, name + " was not tried again");
      break;
    }
    case Why::cancelled:
      check(task.wants_cancel || cancelling_ || terminating_, name + ": nobody cancelled it");
      break;
    case Why::timed_out: {
      const auto* const stopped = std::get_if<core::TaskStopped>(&event);
      check(stopped != nullptr && stopped->timed_out && stopped->ticket == task.ticket,
            name + " runs out of time that it has");
      break;
    }
    case Why::broken:
      check(scheduler_.broken().has_value(), name + " is broken in a whole pool");
      break;
  }
  task = {};
  free_.push_back(command.task);
  --live_tasks_;
  ++ended_;
}

void World::start(const core::StartWorker& command) {
  const auto [id, incarnation] = command.worker;
  check(id < settings_.max_workers, "a worker beyond max_workers");
  check(!terminating_ && !scheduler_.broken(), "a start after the end");
  for (const Process& process : processes_)
    check(process.life == Life::buried || process.ref.id != id, "two workers in one place");
  check(incarnation > std::exchange(incarnations_[id], incarnation),
        "an incarnation is used twice");
  Process process;
  process.ref = command.worker;
  process.concurrency = command.concurrency;
  process.usual_call = std::array<core::Duration, 4>{1us, 300us, 10ms, 1s}[below(4)];
  processes_.push_back(std::move(process));
}

void World::assign(const core::Assign& command, const core::Commands& commands) {
  Process& process = process_of(command.worker, "assign");
  check(process.life != Life::starting, "an assignment before ready");
  check(!process.drain_sent, "an assignment after drain");
  check(!process.leaving, "an assignment to a worker that is being killed");
  check(!process.known_big, "an assignment to a worker that is too big");
  check(command.count > 0, "an empty assignment");
  for (std::uint32_t i = command.first; i < command.first + command.count; ++i) {
    const auto [ticket, place, attempt] = commands.assigned.at(i);
    const TaskId id = core::task_of(ticket);
    check(id < tasks_.size() && tasks_[id].known, "a task is assigned that has ended");
    Task& task = tasks_[id];
    check(!task.held, "a task is assigned while another worker has it");
    check(attempt == static_cast<std::uint32_t>(task.begun) + 1, "attempts are miscounted");
    task.held = true;
    task.ticket = ticket;
    task.worker = command.worker;
    task.place = place;
    check(place < settings_.max_window, "a place beyond the claim page");
    for (const Call& waiting : process.inbox)
      check(waiting.place != place, "a place was given to two tasks at once");
    if (task.wants_cancel) {  // between two looks of the loop: the worker never hears of it
      follow_ups_.push_back(core::TaskCancelled{id, true});
      continue;
    }
    process.places[place] = {core::stamp_of(ticket), Page::held};
    process.inbox.push_back({ticket, place, {}});
    process.outstanding.emplace(ticket, place);
  }
  check(process.outstanding.size() <= settings_.max_window, "more than a worker may hold");
  const core::Worker& worker = scheduler_.workers()[command.worker.id];
  check(worker.held <= scheduler_.workers().window(worker), "more than the worker's window");
}

void World::drain(Ref ref) {
  Process& process = process_of(ref, "drain");
  const bool full =
      settings_.max_tasks_per_worker > 0 && process.begun >= settings_.max_tasks_per_worker;
  const bool reason = stopping_ || full || process.known_big || settings_.idle_timeout.count() > 0;
  check(reason, "a drain without a reason");
  check(!process.drain_sent, "drained twice");
  check(scheduler_.workers()[ref.id].held == 0, "a drain while tasks are left");
  process.drain_sent = true;
}

void World::look(Ref ref) {
  const Process& process = process_of(ref, "look");
  core::WorkerSeen seen{ref, {}};
  for (const Call& call : process.running)
    if (process.places.at(call.place).second == Page::running)
      seen.running.push_back({call.ticket, call.began});
  follow_ups_.push_back(std::move(seen));
}

// All that it finished and that has not arrived; the messages with it may come yet.
void World::harvest(Ref ref) {
  Process& process = process_of(ref, "harvest");
  if (process.outbox.empty()) return;
  Message& all = harvested_.emplace_back();
  for (const auto& [ticket, how] : std::exchange(process.outbox, {})) {
    process.outstanding.erase(ticket);
    all.tickets.push_back(ticket);
    all.how.push_back(how);
  }
  follow_ups_.push_back(
      core::ResultsArrived{ref, harvested_.back().tickets, harvested_.back().how, 1us});
}

void World::stop(const core::StopTask& command) {
  const Process& process = process_of(command.worker, "stop");
  const Task& task = tasks_[core::task_of(command.task.ticket)];
  for (const Call& call : process.running)
    if (call.ticket == command.task.ticket)
      check(task.timeout.count() > 0 && now_ - call.began >= task.timeout, "stopped too early");
  check(task.ticket == command.task.ticket, "a stop of what is elsewhere");
  if (move(task, Page::running, Page::stopped))
    follow_ups_.push_back(core::TaskStopped{command.task.ticket, true});
}

void World::kill(Ref ref) {
  Process& process = process_of(ref, "kill");
  check(!process.doomed || terminating_ || scheduler_.broken(), "killed twice");
  process.doomed = process.leaving = true;
}

// ---- checks -----------------------------------------------------------------------------------

void World::check_totals() const {
  check(scheduler_.queued() + scheduler_.held() == live_tasks_, "tasks are lost or counted twice");
  std::size_t held = 0, by_worker = 0, living = 0;
  for (const Task& task : tasks_) held += task.known && task.held ? 1 : 0;
  const core::WorkerTable& workers = scheduler_.workers();
  for (std::uint32_t id = 0; id < workers.size(); ++id) {
    by_worker += workers[id].held;
    const std::vector<Ticket> tickets = workers.held_by(workers[id]);
    check(tickets.size() == workers[id].held, "places and counts differ");
    for (const Ticket ticket : tickets) {
      const Task& task = tasks_.at(core::task_of(ticket));
      check(task.known && task.held && task.ticket == ticket, "a worker holds what is elsewhere");
    }
  }
  for (const Process& process : processes_) living += process.life == Life::buried ? 0 : 1;
  check(held == scheduler_.held() && by_worker == held, "held tasks are miscounted");
  check(living <= settings_.max_workers, "more workers than max_workers");
  check(!scheduler_.finished() || living == 0, "finished while a worker lives");
}

World::Process* World::find(Ref ref) {
  for (Process& process : processes_)
    if (process.ref == ref && process.life != Life::buried) return &process;
  return nullptr;
}

World::Process& World::process_of(Ref ref, const char* command) {
  Process* const process = find(ref);
  check(process != nullptr,
        std::string(command) + " to worker " + text_of(ref) + ", which is gone");
  return *process;
}

std::vector<World::Process*> World::processes(bool (*which)(const Process&)) {
  std::vector<Process*> found;
  for (Process& process : processes_)
    if (which(process)) found.push_back(&process);
  return found;
}

std::string World::story() const {
  std::ostringstream text;
  text << "seed " << seed_ << ": " << settings_.max_workers << " workers, concurrency "
       << settings_.concurrency << ", on death " << static_cast<int>(settings_.on_death)
       << ", max attempts " << settings_.max_attempts << ", max window " << settings_.max_window
       << (settings_.eager ? ", eager" : "") << "; lately:";
  for (const std::string& line : story_) text << "\n  " << line;
  return text.str();
}

}  // namespace flagship::sim
