// SPDX-License-Identifier: MIT
// What the scheduler answers: carried out as the loop would, and checked.
#include <algorithm>
#include <variant>

#include "tests/sim/world.hpp"

namespace flagship::sim {

using namespace std::chrono_literals;
using core::How;
using core::TaskId;
using core::Ticket;
using core::Why;

void World::tell(const core::Event& event) {
  handle(event);
  follow_up();
}

void World::follow_up() {
  for (; !follow_ups_.empty(); follow_ups_.pop_front()) handle(follow_ups_.front());
  harvested_.clear();
  if (scheduler_.broken())
    for (Process& process : processes_) process.doomed = true;
  check_totals();
  check_hands();
  check_agents();
  check_ticks();
  check_worker(static_cast<std::uint32_t>(events_ % settings_.max_workers));
}

void World::handle(const core::Event& event) {
  ++events_;
  if (const auto* stopped = std::get_if<core::TaskStopped>(&event))
    if (const auto holder = scheduler_.holder_of(stopped->ticket))
      process_of(*holder).fruitful = true;
  if (const auto* results = std::get_if<core::ResultsArrived>(&event)) measure(*results);
  const bool was_broken = scheduler_.broken().has_value();
  commands_.clear();
  scheduler_.handle(event, now_, commands_);
  note_commands(commands_);
  carry_out(event, commands_);
  if (!was_broken && scheduler_.broken()) see_the_break(event);
}

void World::see_the_break(const core::Event& event) {
  const std::string& cause = *scheduler_.broken();
  if (cause.starts_with("no worker could be kept alive")) {
    check(failures_ >= settings_.max_fruitless, "the pool breaks while a worker may yet start");
    return saw(Sight::broken_by_fruitless_starts);
  }
  if (cause.starts_with("no host can be used")) {
    check(no_host_is_left(), "the pool breaks while a host may yet be used");
    return saw(Sight::broken_without_a_host);
  }
  if (std::holds_alternative<core::WorkerGone>(event)) saw(Sight::broken_by_a_death);
  if (cause == "an agent's worker died") saw(Sight::broken_by_a_death_at_an_agent);
}

// What the scheduler may conclude about a worker, and the length of its calls: nothing from those
// that did not run.
void World::measure(const core::ResultsArrived& event) {
  Process* const process = find(event.worker);
  const auto passed = std::count(event.how.begin(), event.how.end(), How::recalled);
  const std::size_t ran = event.tickets.size() - static_cast<std::size_t>(passed);
  if (process == nullptr || ran == 0) return;
  process->fruitful = true;
  failures_ = 0;
  const double mean = static_cast<double>(event.busy.count()) / static_cast<double>(ran);
  process->mean_ns = mean > process->mean_ns ? mean : (process->mean_ns + mean) / 2;
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
  for (const TaskId id : commands.again) wait_again(event, id);
  for (const core::StartWorker& command : commands.starts) start(command);
  for (const core::Assign& command : commands.assigns) assign(command, commands);
  for (const core::TakeBack& command : commands.take_backs) {
    Process& process = process_of(command.worker);
    for (const core::AssignedTask& task : command.tasks) {
      bool& asked_for = process.places.at(task.place).asked_for;
      check(!process.agent || !asked_for, "an agent is asked for a task twice");
      asked_for = true;
    }
    take_backs_.push_back(command);
  }
  for (const Ref worker : commands.looks) look(worker);
  for (const Ref worker : commands.harvests) harvest(worker);
  for (const core::StopTask& command : commands.stops) stop(command);
  for (const Ref worker : commands.kills) kill(worker);
  for (const core::DrainWorker& command : commands.drains) drain(command.worker);
  if (!commands.starts.empty()) check_not_too_many();
}

// ---- tasks ------------------------------------------------------------------------------------

void World::end(const core::Event& event, const core::EndTask& command) {
  check(command.task < tasks_.size() && tasks_[command.task].known, "a task ends twice");
  Task& task = tasks_[command.task];
  check_end(event, command, task);
  results_ += command.why == Why::result ? 1 : 0;
  const auto* const results = std::get_if<core::ResultsArrived>(&event);
  if (settings_.on_death == core::OnDeath::break_pool && command.why == Why::result &&
      !results->how.empty() && results->how[command.index] == How::died)
    follow_ups_.emplace_back(core::PoolBroke{"an agent's worker died"});
  if (task.held)
    --held_tasks_;
  else
    wait_no_more(task);
  task = {};
  free_.push_back(command.task);
  --live_tasks_;
  ++ended_;
}

void World::check_end(const core::Event& event, const core::EndTask& command, const Task& task) {
  const bool counted = command.attempt == static_cast<std::uint32_t>(task.begun);
  switch (command.why) {
    case Why::result: {
      const auto* const results = std::get_if<core::ResultsArrived>(&event);
      check(results != nullptr, "a task ends with a result that nobody brought");
      check(
          command.index < results->tickets.size() && results->tickets[command.index] == task.ticket,
          "a task ends with the result of another");
      check(task.held, "a task ends with a result while it waits");
      check(command.worker == results->worker.id, "a result comes from another worker");
      const How how = results->how.empty() ? How::returned : results->how[command.index];
      check(how != How::recalled, "a task ends although it was passed over");
      check(how != How::raised || task.retries_left == 0 || terminating_ || scheduler_.broken(),
            "a task that threw is not tried again");
      if (how == How::died) {
        saw(Sight::death_of_an_agents_worker);
        check(settings_.on_death != core::OnDeath::retry || terminating_ || scheduler_.broken() ||
                  task.begun >= settings_.max_attempts,
              "a task that died with an agent's worker is not tried again");
      }
      return check(counted, "the attempt of a result is wrong");
    }
    case Why::worker_died: {
      const auto* const gone = std::get_if<core::WorkerGone>(&event);
      check(gone != nullptr, "a task ends with a death that did not happen");
      check(std::find(gone->begun.begin(), gone->begun.end(), task.ticket) != gone->begun.end(),
            "a task ends with a death although it had not begun");
      check(counted, "the attempt of a death is wrong");
      if (settings_.on_death != core::OnDeath::retry || terminating_ || scheduler_.broken()) return;
      saw(Sight::attempts_used_up);
      return check(task.begun >= settings_.max_attempts, "a task that died is not tried again");
    }
    case Why::cancelled:
      return check(task.wants_cancel || cancelling_ || terminating_,
                   "a task is cancelled by nobody");
    case Why::timed_out: {
      const auto* const stopped = std::get_if<core::TaskStopped>(&event);
      saw(Sight::time_out);
      check(stopped != nullptr && stopped->timed_out && stopped->ticket == task.ticket,
            "a task runs out of time that it has");
      return check(counted, "the attempt of a time-out is wrong");
    }
    case Why::broken:
      return check(scheduler_.broken().has_value(), "a task is broken in a whole pool");
  }
}

void World::wait_again(const core::Event& event, TaskId id) {
  check(id < tasks_.size() && tasks_[id].known, "a task waits again that has ended");
  Task& task = tasks_[id];
  task.first = true;
  check(task.held, "a task waits again that waits already");
  check(!terminating_ && !scheduler_.broken(), "a task waits again after the end");
  if (const auto* const gone = std::get_if<core::WorkerGone>(&event)) {
    const bool begun =
        std::find(gone->begun.begin(), gone->begun.end(), task.ticket) != gone->begun.end();
    if (begun) saw(Sight::retry_after_a_death);
    check(!begun || settings_.on_death == core::OnDeath::retry, "a task is tried again unasked");
  } else if (const auto* const results = std::get_if<core::ResultsArrived>(&event)) {
    const auto at = std::find(results->tickets.begin(), results->tickets.end(), task.ticket);
    check(at != results->tickets.end(), "a task waits again for no reason");
    const How how = results->how[static_cast<std::size_t>(at - results->tickets.begin())];
    const bool died = how == How::died && settings_.on_death == core::OnDeath::retry &&
                      task.begun < settings_.max_attempts;
    saw(how == How::raised ? Sight::retry_after_an_exception
        : died             ? Sight::retry_after_a_death_at_an_agent
                           : Sight::task_passed_over);
    check(how == How::recalled || died || (how == How::raised && task.retries_left > 0),
          "a task is tried again unasked");
    if (how == How::raised) --task.retries_left;
    task.first = how != How::raised;
  } else {
    check(std::holds_alternative<core::TasksTakenBack>(event) && !is_agent(task.worker.id),
          "a task waits again for no reason");
  }
  task.held = false;
  --held_tasks_;
  ++waiting(task);
  first_[task.priority + 2] += task.first ? 1 : 0;
}

void World::wait_no_more(Task& task) {
  --waiting(task);
  first_[task.priority + 2] -= std::exchange(task.first, false) ? 1 : 0;
}

void World::assign(const core::Assign& command, const core::Commands& commands) {
  Process& process = process_of(command.worker);
  check(!terminating_ && !scheduler_.broken(), "an assignment after the end");
  check(process.life != Life::starting, "an assignment before ready");
  check(!process.drain_sent, "an assignment after drain");
  check(!process.leaving, "an assignment to a worker that is being killed");
  check(!process.known_big, "an assignment to a worker that is too big");
  check(!process.wants_to_go, "an assignment to an agent that wants to go");
  check(command.count > 0, "an empty assignment");
  for (std::uint32_t i = command.first; i < command.first + command.count; ++i)
    hand_over(process, commands.assigned.at(i));
  check(process.outstanding <= window_of(process), "more than the worker's window");
}

void World::hand_over(Process& process, const core::AssignedTask& assigned) {
  const auto [ticket, at, attempt] = assigned;
  const TaskId id = core::task_of(ticket);
  check(id < tasks_.size() && tasks_[id].known, "a task is assigned that has ended");
  Task& task = tasks_[id];
  check(!task.held, "a task is assigned while another worker has it");
  check(attempt == static_cast<std::uint32_t>(task.begun) + 1, "attempts are miscounted");
  check(at < settings_.max_window, "a place beyond the claim page");
  wait_no_more(task);
  for (int higher = task.priority + 1; higher <= 2; ++higher)
    check(waiting_[higher + 2] == 0, "a task is handed over before one of higher priority");
  std::uint64_t& last = last_fresh_[task.priority + 2];
  check(!task.fresh || task.serial > last, "a task is handed over before its turn");
  check(!task.fresh || first_[task.priority + 2] == 0, "a task has lost its turn");
  if (task.fresh) last = task.serial;
  task.held = true;
  task.fresh = false;
  task.ticket = ticket;
  task.worker = process.ref;
  task.place = at;
  ++held_tasks_;
  if (at >= process.places.size()) process.places.resize(at + 1);
  Place& place = process.places[at];
  check(!place.outstanding, "a place was given to two tasks at once");
  if (task.wants_cancel) {  // between two looks of the loop: the worker never hears of it
    saw(Sight::cancel_before_it_was_sent);
    follow_ups_.emplace_back(core::TaskCancelled{id, true});
    return;
  }
  place = {};
  place.ticket = ticket;
  place.page = process.agent ? Page::lent : Page::held;
  place.outstanding = true;
  ++process.outstanding;
  process.inbox.push_back({ticket, at, {}});
}

void World::look(Ref ref) {
  const Process& process = process_of(ref);
  core::WorkerSeen seen{ref, {}};
  for (const Call& call : process.running)  // an agent looks after its own
    if (process.places[call.place].page == Page::running)
      seen.running.push_back({call.ticket, call.began});
  follow_ups_.emplace_back(std::move(seen));
}

// The call may end by itself just before it would be stopped.
void World::stop(const core::StopTask& command) {
  Process& process = process_of(command.worker);
  const Task& task = tasks_[core::task_of(command.task.ticket)];
  check(task.ticket == command.task.ticket, "a stop of what is elsewhere");
  check(!process.agent, "a stop of what an agent runs");
  const auto call =
      std::find_if(process.running.begin(), process.running.end(),
                   [&](const Call& running) { return running.ticket == command.task.ticket; });
  if (call != process.running.end()) {
    check(task.timeout.count() > 0 && now_ - call->began >= task.timeout, "stopped too early");
    if (happens(100)) finish(process, static_cast<std::size_t>(call - process.running.begin()));
  }
  if (move(task, Page::running, Page::stopped))
    follow_ups_.emplace_back(core::TaskStopped{command.task.ticket, true});
  else
    saw(Sight::time_out_too_late);
}

// All that it finished and that has not arrived; the messages with it may come yet.
void World::harvest(Ref ref) {
  Process& process = process_of(ref);
  Message all;
  for (Place& place : process.places) {
    if (!place.in_outbox) continue;
    place.in_outbox = place.outstanding = false;
    place.harvested = true;
    --process.outstanding;
    all.tickets.push_back(place.ticket);
    all.how.push_back(place.how);
  }
  if (all.tickets.empty()) return;
  if (process.life == Life::ready) saw(Sight::harvest_from_the_living);
  const Message& kept = harvested_.emplace_back(std::move(all));
  follow_ups_.emplace_back(core::ResultsArrived{ref, kept.tickets, kept.how, 1us});
}

// ---- workers ----------------------------------------------------------------------------------

void World::start(const core::StartWorker& command) {
  const auto [id, incarnation] = command.worker;
  check(id < settings_.max_workers, "a worker beyond max_workers");
  check(!terminating_ && !scheduler_.broken(), "a start after the end");
  Process& process = processes_[id];
  check(process.life == Life::buried, "two workers in one place");
  check(incarnation > process.ref.incarnation, "an incarnation is used twice");
  const Host& host = hosts_[id];
  check(!host.useless, "a host that is of no use is tried again");
  check(!host.lost_at || now_ - *host.lost_at >= settings_.first_agent_backoff,
        "an agent is started again at once");
  if (process.failed) saw(Sight::restart_after_back_off);
  process = {};
  process.ref = command.worker;
  process.concurrency = command.concurrency;
  process.life = Life::starting;
  process.agent = is_agent(id);
  process.absent = weather_.no_show && id + 1 == settings_.max_workers;
  process.usual_call = some_call();
}

void World::drain(Ref ref) {
  Process& process = process_of(ref);
  const bool full = !process.agent && settings_.max_tasks_per_worker > 0 &&
                    process.begun >= settings_.max_tasks_per_worker;
  const bool idle = settings_.idle_timeout.count() > 0;
  check(stopping_ || full || process.known_big || idle || process.wants_to_go,
        "a drain without a reason");
  check(!process.drain_sent, "drained twice");
  check(process.life != Life::starting || process.agent, "a drain before ready");
  check(process.life != Life::starting || (stopping_ && live_tasks_ == 0),
        "an agent that is coming is sent away while it is needed");
  if (process.life == Life::starting) saw(Sight::agent_not_waited_for);
  check(scheduler_.workers()[ref.id].held == 0, "a drain while tasks are left");
  if (!stopping_)
    saw(process.wants_to_go ? Sight::agent_let_go
        : full              ? Sight::recycled_by_count
        : process.known_big ? Sight::recycled_by_size
                            : Sight::idle_worker_dismissed);
  process.drain_sent = true;
}

void World::kill(Ref ref) {
  Process& process = process_of(ref);
  check(!process.leaving, "killed twice");
  check(!process.agent, "an agent is killed for a task");
  process.doomed = process.leaving = true;
}

// ---- checks -----------------------------------------------------------------------------------

// Each task is in exactly one place, by all counts.
void World::check_totals() const {
  check(scheduler_.queued() + scheduler_.held() == live_tasks_, "tasks are lost or counted twice");
  check(scheduler_.held() == held_tasks_, "held tasks are miscounted");
  std::size_t by_worker = 0, living = 0;
  const core::WorkerTable& workers = scheduler_.workers();
  for (std::uint32_t id = 0; id < workers.size(); ++id) {
    by_worker += workers[id].held;
    living += processes_[id].life == Life::buried ? 0 : 1;
  }
  check(by_worker == held_tasks_, "held tasks are miscounted by worker");
  check(!scheduler_.finished() || living == 0, "finished while a worker lives");
}

void World::check_worker(std::uint32_t id) const {
  const core::Worker& worker = scheduler_.workers()[id];
  std::uint32_t held = 0;
  for (const Ticket ticket : worker.by_place) {
    if (ticket == 0 || worker.taken_back.contains(ticket)) continue;
    ++held;
    const Task& task = tasks_.at(core::task_of(ticket));
    check(task.known && task.held && task.ticket == ticket && task.worker.id == id,
          "a worker holds what is elsewhere");
  }
  check(held == worker.held, "places and counts differ");
}

// Nobody who could work is left without it.
void World::check_hands() const {
  if (terminating_ || scheduler_.broken()) return;
  bool vacant = false;
  for (const Process& process : processes_) {
    check(!free(process) || scheduler_.queued() == 0,
          "a worker has nothing to do while tasks wait");
    const auto id = static_cast<std::uint32_t>(&process - processes_.data());
    vacant = vacant || (process.life == Life::buried && !hosts_[id].useless &&
                        scheduler_.workers()[id].life != core::Life::backing_off);
  }
  check(!vacant || live_tasks_ <= staying(), "a place is empty while tasks wait");
}

// Who wants to go may, who has not come is not waited for, and who is of no use is known to be.
void World::check_agents() const {
  if (terminating_ || scheduler_.broken()) return;
  for (std::uint32_t id = 0; id < settings_.max_workers; ++id) {
    const bool given_up = scheduler_.workers()[id].life == core::Life::given_up;
    check(given_up == hosts_[id].useless,
          given_up ? "a host is given up too early" : "a host is given up too late");
  }
  for (const Process& process : processes_) {
    if (!process.agent || process.drain_sent) continue;
    check(process.life != Life::ready || !process.wants_to_go || process.outstanding > 0,
          "an agent that wants to go is kept");
    check(process.life != Life::starting || !stopping_ || live_tasks_ > 0,
          "the end waits for an agent that has not come");
  }
}

// A life in vain is not begun again at once; an agent's never is.
void World::check_place_after_death(const Process& process, bool fruitful) const {
  if (stopping_ || terminating_ || scheduler_.broken()) return;
  const bool waits = scheduler_.workers()[process.ref.id].life == core::Life::backing_off;
  const bool useless = hosts_[process.ref.id].useless;
  check(waits == (process.agent ? !useless : !fruitful),
        waits ? "a place backs off for nothing" : "a place does not back off");
}

bool World::free(const Process& process) const {
  return process.life == Life::ready && process.outstanding == 0 && !process.drain_sent &&
         !process.leaving && !process.known_big && !process.wants_to_go;
}

// The clock is asked for where something may be left lying otherwise, and nowhere else.
void World::check_ticks() const {
  const core::WorkerTable& workers = scheduler_.workers();
  const std::optional<core::Time> tick = scheduler_.next_tick();
  const bool timed = settings_.idle_timeout.count() > 0 || !workers.backing_off().empty();
  check(live_tasks_ > 0 || timed || !tick, "an idle pool asks for a tick");
  if (terminating_ || scheduler_.broken()) return;
  bool idle = false, ahead = false;
  for (std::uint32_t id = 0; id < workers.size(); ++id) {
    check(workers[id].held < 2 || tick, "results may lie in an outbox for ever");
    idle = idle || free(processes_[id]);
    ahead = ahead ||
            (workers[id].life == core::Life::ready && workers[id].held > workers[id].concurrency);
  }
  check(!idle || !ahead || (tick && *tick <= now_ + settings_.rebalance_after),
        "tasks may lie with a worker for ever while another is idle");
}

// Of what runs for too long now the scheduler wants to hear.
void World::check_limits() const {
  if (scheduler_.broken()) return;
  const std::optional<core::Time> tick = scheduler_.next_tick();
  if (tick && *tick <= now_) return;
  for (const Process& process : processes_) {
    if (process.life != Life::ready || process.agent) continue;
    for (const Call& call : process.running) {
      const Task& task = tasks_[core::task_of(call.ticket)];
      const bool limited = task.known && task.ticket == call.ticket && task.timeout.count() > 0;
      check(!limited || process.places[call.place].page != Page::running ||
                now_ - call.began < task.timeout,
            "a task may run for ever beyond its time");
    }
  }
}

std::uint32_t World::staying() const {
  std::uint32_t count = 0;
  for (std::uint32_t id = 0; id < processes_.size(); ++id) {
    const Process& process = processes_[id];
    if (process.agent && !process.came) continue;  // may be for ever
    const bool alive = process.life != Life::buried && !process.drain_sent && !process.leaving;
    const bool waits = scheduler_.workers()[id].life == core::Life::backing_off;
    count += alive || (waits && !is_agent(id)) ? 1 : 0;
  }
  return count;
}

void World::check_not_too_many() const {
  std::size_t staying = 0;
  for (const Process& process : processes_) {
    if (process.agent && !process.came) continue;
    staying += process.life != Life::buried && !process.drain_sent && !process.leaving ? 1 : 0;
  }
  const bool all = (settings_.eager || !settings_.agents.empty()) && !stopping_;
  check(all || staying <= live_tasks_, "more workers than tasks");
}

// What it runs at once and 8 ms of its calls, as far as they are known and short; more where it is
// far away.
std::uint32_t World::window_of(const Process& process) const {
  double ahead = 0;
  const auto lag = static_cast<double>(process.lag.count());
  if (process.mean_ns >= 0 && process.mean_ns < 50e6 + 4 * lag)
    ahead = std::max(1.0, (8e6 + 2 * lag) * process.concurrency / std::max(process.mean_ns, 1.0));
  return static_cast<std::uint32_t>(
      std::min(process.concurrency + ahead, static_cast<double>(settings_.max_window)));
}

World::Process* World::find(Ref ref) {
  if (ref.id >= processes_.size()) return nullptr;
  Process& process = processes_[ref.id];
  return process.ref == ref && process.life != Life::buried ? &process : nullptr;
}

World::Process& World::process_of(Ref ref) {
  Process* const process = find(ref);
  check(process != nullptr, "a command to a worker that is gone");
  return *process;
}

// ---- the story --------------------------------------------------------------------------------

void World::note_settings() {
  note(settings_.max_workers, " workers, concurrency ", settings_.concurrency, ", on death ",
       static_cast<int>(settings_.on_death), ", max attempts ", settings_.max_attempts,
       ", max window ", settings_.max_window, ", max fruitless ", settings_.max_fruitless,
       ", max tasks per worker ", settings_.max_tasks_per_worker, ", max rss ",
       settings_.max_worker_rss, settings_.idle_timeout.count() > 0 ? ", idle timeout" : "",
       settings_.eager ? ", eager" : "", ", agents ", settings_.agents.size(),
       weather_.no_show ? " of which the last never comes" : "");
}

void World::note_commands(const core::Commands& commands) {
  if (!telling_) return;
  constexpr const char* kWhys[] = {"a result", "its worker's death", "cancelled", "timed out",
                                   "broken"};
  for (const core::EndTask& end : commands.ends)
    note("  -> task ", end.task, " ends: ", kWhys[static_cast<int>(end.why)]);
  for (const TaskId id : commands.again) note("  -> task ", id, " waits again");
  for (const core::StartWorker& start : commands.starts) note("  -> start worker ", start.worker);
  for (const core::Assign& assign : commands.assigns) {
    for (std::uint32_t i = 0; i < assign.count; ++i)
      note("  -> task ", core::task_of(commands.assigned.at(assign.first + i).ticket),
           " goes to worker ", assign.worker);
  }
  for (const core::TakeBack& asked : commands.take_backs)
    note("  -> take back ", asked.tasks.size(), " tasks from worker ", asked.worker);
  for (const Ref worker : commands.looks) note("  -> look at worker ", worker);
  for (const Ref worker : commands.harvests) note("  -> harvest worker ", worker);
  for (const core::StopTask& stop : commands.stops)
    note("  -> stop task ", core::task_of(stop.task.ticket));
  for (const Ref worker : commands.kills) note("  -> kill worker ", worker);
  for (const core::DrainWorker& drain : commands.drains) note("  -> drain worker ", drain.worker);
}

}  // namespace flagship::sim
