// SPDX-License-Identifier: MIT
#include "master/pool/core/scheduler.hpp"

#include <algorithm>

namespace flagship::core {
namespace {

constexpr Duration kMostLag = std::chrono::minutes(1);

// What was passed over or given back did not run.
std::size_t count_of_run(const ResultsArrived& event) {
  const auto passed = std::count(event.how.begin(), event.how.end(), How::recalled);
  return event.tickets.size() - static_cast<std::size_t>(passed);
}

}  // namespace

Scheduler::Scheduler(Settings settings)
    : settings_(settings),
      workers_(settings_),
      looks_(settings_.max_workers),
      harvests_(settings_.max_workers) {}

void Scheduler::handle(const Event& event, Time now, Commands& out) {
  std::visit([&](const auto& what) { on(what, now, out); }, event);
  if (held_ > 0) return;
  looks_.clear();
  harvests_.clear();
  rebalance_at_.reset();
}

// ---- tasks
// ---------------------------------------------------------------------------------------

void Scheduler::on(const TasksArrived& event, Time now, Commands& out) {
  for (const NewTask& task : event.tasks) {
    TaskRecord& record = tasks_.add(task.task);
    record.priority = task.priority;
    record.retries = task.retries;
    record.timeout = task.timeout;
    record.begun = task.begun;
    if (broken_)
      end(task.task, Why::broken, out);
    else if (terminating_)
      end(task.task, Why::cancelled, out);
    else
      tasks_.enqueue(task.task);
  }
  proceed(now, out);
}

void Scheduler::on(const TaskCancelled& event, Time now, Commands& out) {
  if (!tasks_.known(event.task)) return;
  TaskRecord& record = tasks_[event.task];
  if (record.where == Where::queued) {
    tasks_.unqueue(event.task);
  } else {
    Worker& worker = workers_[record.worker];
    if (!event.unsent)
      worker.taken_back.emplace(make_ticket(event.task, record.stamp), record.place);
    release(worker, record);
    if (event.unsent) workers_.free_place(worker, record.place);
    settle(record.worker, now, out);
  }
  end(event.task, Why::cancelled, out);
  proceed(now, out);
}

void Scheduler::on(const TasksTakenBack& event, Time now, Commands& out) {
  Worker* const worker = workers_.find(event.worker);
  if (worker == nullptr) return;
  for (auto at = event.tickets.rbegin(); at != event.tickets.rend(); ++at) {
    if (!is_held(*at)) continue;
    TaskRecord& record = tasks_[task_of(*at)];
    worker->taken_back.emplace(*at, record.place);
    release(*worker, record);
    requeue_first(task_of(*at), out);
  }
  settle(event.worker.id, now, out);
  proceed(now, out);
}

void Scheduler::on(const WorkerSeen& event, Time now, Commands& out) {
  Worker* const worker = workers_.find(event.worker);
  if (worker == nullptr) return;
  for (const RunningTask& running : event.running) {
    if (!is_held(running.ticket)) continue;
    const TaskRecord& record = tasks_[task_of(running.ticket)];
    if (record.timeout == Duration::zero()) continue;
    const Time due = running.began + record.timeout;
    if (due <= now)
      out.stops.push_back({event.worker, {running.ticket, record.place}});
    else
      looks_.add(event.worker.id, due);
  }
  // What has not begun cannot be over before its whole time has passed.
  for (const Ticket ticket : workers_.held_by(*worker)) {
    const Duration timeout = tasks_[task_of(ticket)].timeout;
    const auto runs = [ticket](const RunningTask& running) { return running.ticket == ticket; };
    if (timeout == Duration::zero()) continue;
    if (std::none_of(event.running.begin(), event.running.end(), runs))
      looks_.add(event.worker.id, now + timeout);
  }
}

void Scheduler::on(const TaskStopped& event, Time now, Commands& out) {
  if (!is_held(event.ticket)) return;
  TaskRecord& record = tasks_[task_of(event.ticket)];
  const std::uint32_t id = record.worker;
  Worker& worker = workers_[id];
  worker.taken_back.emplace(event.ticket, record.place);
  release(worker, record);
  end(task_of(event.ticket), event.timed_out ? Why::timed_out : Why::cancelled, out);
  worker.fruitful = true;
  if (worker.life == Life::ready || worker.life == Life::draining) {
    worker.life = Life::stopping;
    take_back(id, worker.held, out);
    out.kills.push_back({id, worker.incarnation});
  }
  workers_.refresh(id);
  proceed(now, out);
}

void Scheduler::on(const ResultsArrived& event, Time now, Commands& out) {
  Worker* const worker = workers_.find(event.worker);
  if (worker == nullptr) {
    stale_results_ += event.tickets.size();
    return;
  }
  const auto how = [&event](std::uint32_t i) {
    return event.how.empty() ? How::returned : event.how[i];
  };
  const auto count = static_cast<std::uint32_t>(event.tickets.size());
  const std::size_t ran = count_of_run(event);
  for (std::uint32_t i = 0; i < count; ++i)
    if (how(i) != How::recalled) accept(*worker, event.tickets[i], how(i), i, out);
  for (std::uint32_t i = count; ran < count && i-- > 0;)  // each goes before those after it
    if (how(i) == How::recalled) accept(*worker, event.tickets[i], how(i), i, out);
  if (count > 0) {
    worker->heard = now;
    if (worker->held > 1) harvest_later(event.worker.id, now + settings_.harvest_after);
  }
  if (ran > 0) {
    const double mean = static_cast<double>(event.busy.count()) / static_cast<double>(ran);
    // Longer at once, shorter by and by: a worker must not sit on tasks that others could run.
    worker->mean_ns = mean > worker->mean_ns ? mean : (worker->mean_ns + mean) / 2;
    worker->fruitful = true;
    fruitless_ = 0;
  }
  if (settings_.max_worker_rss > 0 && event.rss > settings_.max_worker_rss && !worker->agent &&
      !worker->retiring && worker->life == Life::ready) {
    retire(event.worker.id, out);
  }
  if (worker->unwilling && !worker->retiring) retire(event.worker.id, out);
  settle(event.worker.id, now, out);
  proceed(now, out);
}

void Scheduler::accept(Worker& worker, Ticket ticket, How how, std::uint32_t index, Commands& out) {
  const bool asked = !worker.asked_back.empty() && worker.asked_back.erase(ticket) > 0;
  if (!worker.taken_back.empty()) {
    if (const auto at = worker.taken_back.find(ticket); at != worker.taken_back.end()) {
      workers_.free_place(worker, at->second);
      worker.taken_back.erase(at);
      return;
    }
  }
  if (!is_held(ticket)) {
    ++stale_results_;
    return;
  }
  const TaskId task = task_of(ticket);
  TaskRecord& record = tasks_[task];
  release(worker, record);
  workers_.free_place(worker, record.place);
  if (how == How::recalled) {
    worker.unwilling = worker.unwilling || (worker.agent && !asked);
    return requeue_first(task, out);
  }
  ++worker.done;
  if (how == How::died && may_begin_again(record)) return requeue_first(task, out);
  if (how == How::raised && record.retries > 0 && !terminating_) {
    --record.retries;
    ++record.begun;
    out.again.push_back(task);
    return tasks_.enqueue(task);
  }
  out.ends.push_back({task, Why::result, record.worker, index, record.begun + 1u});
  tasks_.forget(task);
}

std::optional<WorkerRef> Scheduler::holder_of(Ticket ticket) const {
  if (!is_held(ticket)) return std::nullopt;
  const std::uint32_t id = tasks_[task_of(ticket)].worker;
  return WorkerRef{id, workers_[id].incarnation};
}

// Tickets of an earlier handing over are not.
bool Scheduler::is_held(Ticket ticket) const {
  const TaskId task = task_of(ticket);
  return tasks_.known(task) && tasks_[task].where == Where::held &&
         tasks_[task].stamp == stamp_of(ticket);
}

// The task is no longer the worker's; its place is another matter.
void Scheduler::release(Worker& worker, TaskRecord& record) {
  record.where = Where::nowhere;
  --worker.held;
  --held_;
}

void Scheduler::end(TaskId task, Why why, Commands& out) {
  const TaskRecord& record = tasks_[task];
  out.ends.push_back(
      {task, why, record.worker, 0, record.begun + (why == Why::worker_died ? 0u : 1u)});
  tasks_.forget(task);
}

// ---- workers
// -------------------------------------------------------------------------------------

void Scheduler::on(const WorkerReady& event, Time now, Commands& out) {
  Worker* const worker = workers_.find(event.worker);
  if (worker == nullptr || worker->life != Life::starting) return;
  worker->life = Life::ready;
  worker->setting_up = event.setting_up;
  if (event.concurrency > 0) worker->concurrency = event.concurrency;
  worker->lag = std::clamp(event.lag, Duration::zero(), kMostLag);
  worker->ready_at = worker->heard = now;
  settle(event.worker.id, now, out);
  proceed(now, out);
}

void Scheduler::on(const WorkerSetUp& event, Time now, Commands&) {
  Worker* const worker = workers_.find(event.worker);
  if (worker == nullptr || !worker->setting_up) return;
  worker->setting_up = false;
  worker->ready_at = now;
}

void Scheduler::on(const WorkerLeaves& event, Time now, Commands& out) {
  Worker* const worker = workers_.find(event.worker);
  if (worker == nullptr || worker->retiring) return;
  if (worker->life != Life::ready && worker->life != Life::starting) return;
  retire(event.worker.id, out);
  settle(event.worker.id, now, out);
  proceed(now, out);
}

void Scheduler::on(const WorkerGone& event, Time now, Commands& out) {
  Worker* const worker = workers_.find(event.worker);
  if (worker == nullptr) return;
  const bool lasted = worker->life != Life::starting && !worker->setting_up &&
                      now - worker->ready_at >= settings_.fruitful_after;
  const bool asked = worker->life == Life::draining || worker->life == Life::stopping;
  const bool by_itself = worker->agent && worker->retiring;
  const bool fruitful = worker->fruitful || (lasted && !worker->unwilling) ||
                        !event.begun.empty() || (asked && !by_itself);
  const std::vector<Ticket> held = workers_.held_by(*worker);
  bury(event.worker, *worker, fruitful, event.cause, now, out);
  if (settings_.on_death == OnDeath::break_pool && !asked && !stopping_ && !broken_)
    break_pool(event.cause, out);
  for (auto at = held.rbegin(); at != held.rend(); ++at) {
    const bool begun = std::find(event.begun.begin(), event.begun.end(), *at) != event.begun.end();
    lose_task(*at, begun, out);
  }
  proceed(now, out);
}

// A task whose worker is gone: again elsewhere, or its end.
void Scheduler::lose_task(Ticket ticket, bool begun, Commands& out) {
  if (!is_held(ticket)) return;
  const TaskId task = task_of(ticket);
  TaskRecord& record = tasks_[task];
  record.where = Where::nowhere;
  if (!begun || may_begin_again(record)) return requeue_first(task, out);
  ++record.begun;
  end(task, Why::worker_died, out);
}

// Its worker died while it ran.
bool Scheduler::may_begin_again(TaskRecord& record) const {
  if (settings_.on_death != OnDeath::retry || terminating_) return false;
  if (record.begun + 1 >= settings_.max_attempts) return false;
  ++record.begun;
  return true;
}

// It keeps its turn; but after the end there is no turn any more.
void Scheduler::requeue_first(TaskId task, Commands& out) {
  if (terminating_) return end(task, broken_ ? Why::broken : Why::cancelled, out);
  out.again.push_back(task);
  tasks_.enqueue_first(task);
}

void Scheduler::on(const StartFailed& event, Time now, Commands& out) {
  if (Worker* const worker = workers_.find(event.worker))
    bury(event.worker, *worker, false, event.cause, now, out, event.hopeless);
  proceed(now, out);
}

// The process is over; its place backs off when it achieved nothing.
void Scheduler::bury(WorkerRef ref, Worker& worker, bool fruitful, const std::string& cause,
                     Time now, Commands& out, bool hopeless) {
  // Who was told to go because nothing is left tells nothing by it.
  const bool over = terminating_ || (stopping_ && worker.life == Life::draining &&
                                     tasks_.queued() == 0 && held_ == 0);
  held_ -= worker.held;
  worker.held = 0;
  worker.by_place.clear();
  worker.free_places.clear();
  worker.taken_back.clear();
  worker.asked_back.clear();
  worker.mean_ns = -1;
  worker.retiring = worker.unwilling = false;
  looks_.remove(ref.id);
  harvests_.remove(ref.id);
  worker.life = Life::none;
  if (worker.agent) {
    if (!over) lose_agent(worker, fruitful, hopeless, cause, now, out);
    return workers_.refresh(ref.id);
  }
  fruitless_ = fruitful ? 0 : fruitless_ + 1;
  if (fruitless_ > 0 && !terminating_) {
    worker.life = Life::backing_off;
    worker.start_at = now + settings_.first_backoff * (1 << std::min(fruitless_ - 1, 10));
  }
  workers_.refresh(ref.id);
  if (fruitless_ >= settings_.max_fruitless && !broken_ && !terminating_)
    break_pool("no worker could be kept alive: " + cause, out);
}

// One host's trouble is not the pool's, as long as there is another.
void Scheduler::lose_agent(Worker& worker, bool fruitful, bool hopeless, const std::string& cause,
                           Time now, Commands& out) {
  worker.fruitless = fruitful ? 0 : worker.fruitless + 1;
  // Also after a good life: what ended it, its host or the way there, takes a moment to come back.
  worker.life = Life::backing_off;
  worker.start_at =
      now + settings_.first_agent_backoff * (1 << std::clamp(worker.fruitless - 1, 0, 10));
  if (!hopeless && worker.fruitless < settings_.max_fruitless) return;
  worker.life = Life::given_up;
  if (workers_.all_given_up()) break_pool("no host can be used: " + cause, out);
}

void Scheduler::break_pool(const std::string& cause, Commands& out) {
  broken_ = cause;
  terminating_ = true;
  while (tasks_.queued() > 0) end(tasks_.pop(), Why::broken, out);
  for (std::uint32_t id = 0; id < workers_.size(); ++id) {
    Worker& worker = workers_[id];
    for (const Ticket ticket : workers_.held_by(worker)) {
      worker.taken_back.emplace(ticket, tasks_[task_of(ticket)].place);
      end(task_of(ticket), Why::broken, out);
    }
    held_ -= worker.held;
    worker.held = 0;
    if (worker.life == Life::backing_off) worker.life = Life::none;
    workers_.refresh(id);
  }
}

// ---- the whole pool
// ------------------------------------------------------------------------------

void Scheduler::on(const ShutdownAsked& event, Time now, Commands& out) {
  stopping_ = true;
  dismiss_at_.reset();
  if (event.cancel_pending)
    while (tasks_.queued() > 0) end(tasks_.pop(), Why::cancelled, out);
  proceed(now, out);
}

void Scheduler::on(const TerminateAsked&, Time, Commands& out) {
  stopping_ = terminating_ = true;
  while (tasks_.queued() > 0) end(tasks_.pop(), Why::cancelled, out);
  for (std::uint32_t id = 0; id < workers_.size(); ++id) {
    if (workers_[id].life == Life::backing_off) workers_[id].life = Life::none;
    workers_.refresh(id);
  }
}

void Scheduler::on(const PoolBroke& event, Time, Commands& out) {
  if (!broken_) break_pool(event.cause, out);
}

void Scheduler::on(const Tick&, Time now, Commands& out) {
  look(now, out);
  harvest(now, out);
  rebalance(now, out);
  dismiss_idle(now, out);
  proceed(now, out);
}

std::optional<Time> Scheduler::next_tick() const {
  std::optional<Time> next;
  const auto sooner = [&](Time time) { next = next ? std::min(*next, time) : time; };
  for (std::size_t i = 0; i < workers_.backing_off().size(); ++i)
    sooner(workers_[workers_.backing_off().at(i)].start_at);
  for (const std::optional<Time>& at :
       {rebalance_at_, dismiss_at_, looks_.next(), harvests_.next()})
    if (at) sooner(*at);
  return next;
}

bool Scheduler::finished() const {
  return stopping_ && tasks_.queued() == 0 && held_ == 0 && workers_.live() == 0;
}

void Scheduler::proceed(Time now, Commands& out) {
  if (!terminating_) {
    grow(now, out);
    dispatch(now, out);
  }
  if (stopping_ && tasks_.queued() == 0 && held_ == 0) drain_all(out);
  const bool uneven =
      tasks_.queued() == 0 && !workers_.ahead().empty() && !workers_.roomy().empty();
  if (!uneven) rebalance_at_.reset();
  if (uneven && !rebalance_at_) rebalance_at_ = now + settings_.rebalance_after;
}

void Scheduler::grow(Time now, Commands& out) {
  const std::size_t outstanding = tasks_.queued() + held_;
  // Other hosts take their time: all are called as soon as there is anything to do.
  const bool early = settings_.eager || (!settings_.agents.empty() && outstanding > 0);
  const bool all = early && !stopping_ && !dismissed_;
  const std::size_t wanted =
      all ? workers_.size() : std::min<std::size_t>(outstanding, workers_.size());
  for (std::size_t i = workers_.backing_off().size(); i-- > 0;) {  // those that go leave the set
    const std::uint32_t id = workers_.backing_off().at(i);
    if (workers_[id].start_at > now) continue;
    const std::size_t others = workers_.staying() - (workers_[id].agent ? 0 : 1);
    if (others < wanted) {
      start(id, out);
    } else {
      workers_[id].life = Life::none;
      workers_.refresh(id);
    }
  }
  while (workers_.staying() < wanted && !workers_.vacant().empty())
    start(workers_.vacant().last(), out);
}

void Scheduler::start(std::uint32_t id, Commands& out) {
  Worker& worker = workers_[id];
  worker.life = Life::starting;
  worker.fruitful = false;
  worker.setting_up = false;
  worker.done = 0;
  ++worker.incarnation;
  workers_.refresh(id);
  out.starts.push_back({{id, worker.incarnation}, worker.concurrency});
}

void Scheduler::dispatch(Time now, Commands& out) {
  std::size_t hands = this->hands();
  while (tasks_.queued() > 0) {
    if (workers_.idle().empty() && workers_.partial().empty()) return;
    const bool idle = !workers_.idle().empty();
    // What workers that are coming will run is left for them.
    if (!idle && tasks_.queued() <= workers_.starting()) return;
    const std::uint32_t id = idle ? workers_.idle().last()
                             : !workers_.roomy().empty()
                                 ? workers_.roomy().last()
                                 : workers_.partial().at(turn_++ % workers_.partial().size());
    const std::size_t its = settings_.agents.empty() ? 1 : workers_[id].concurrency;
    const std::size_t share =
        std::min(tasks_.queued(), (tasks_.queued() * its + hands - 1) / hands);
    hands = hands > its ? hands - its : 1;  // each gets one share
    give(id,
         static_cast<std::uint32_t>(std::min<std::size_t>(share, workers_.credit(workers_[id]))),
         now, out);
  }
}

// Among how many what waits is shared out: workers, or with agents, the calls that they run at
// once.
std::size_t Scheduler::hands() const {
  std::size_t all = workers_.starting();
  if (settings_.agents.empty()) return all + workers_.idle().size() + workers_.partial().size();
  for (const IndexSet* open : {&workers_.idle(), &workers_.partial()})
    for (std::size_t i = 0; i < open->size(); ++i) all += workers_[open->at(i)].concurrency;
  return all;
}

void Scheduler::give(std::uint32_t id, std::uint32_t count, Time now, Commands& out) {
  Worker& worker = workers_[id];
  if (worker.held == 0) worker.heard = now;
  out.assigns.push_back(
      {{id, worker.incarnation}, static_cast<std::uint32_t>(out.assigned.size()), count});
  for (std::uint32_t i = 0; i < count; ++i) {
    const TaskId task = tasks_.pop();
    TaskRecord& record = tasks_[task];
    record.where = Where::held;
    record.stamp = tasks_.next_stamp();
    record.worker = id;
    const Ticket ticket = make_ticket(task, record.stamp);
    record.place = workers_.take_place(worker, ticket);
    if (record.timeout > Duration::zero()) looks_.add(id, now + record.timeout);
    out.assigned.push_back({ticket, record.place, record.begun + 1u});
  }
  worker.held += count;
  held_ += count;
  if (worker.held > 1) harvest_later(id, now + settings_.harvest_after);
  workers_.refresh(id);
}

// While some could run more and the queue is empty, a worker that has been silent gives up half of
// what it holds ahead.
void Scheduler::rebalance(Time now, Commands& out) {
  if (!rebalance_at_ || *rebalance_at_ > now) return;
  rebalance_at_.reset();
  for (std::size_t i = 0; i < workers_.ahead().size(); ++i) {
    const std::uint32_t id = workers_.ahead().at(i);
    const Worker& worker = workers_[id];
    if (now - worker.heard < settings_.rebalance_after + worker.lag) continue;
    take_back(id, (worker.held - worker.concurrency + 1) / 2, out);
  }
}

// The `most` that were handed over last; what has begun by then stays. An agent is asked once: it
// gives back what it has not begun when it hears of it, and says so when it can.
void Scheduler::take_back(std::uint32_t id, std::size_t most, Commands& out) {
  Worker& worker = workers_[id];
  const std::vector<Ticket> held = workers_.held_by(worker);
  TakeBack command{{id, worker.incarnation}, {}};
  for (std::size_t i = held.size() - std::min(most, held.size()); i < held.size(); ++i) {
    if (worker.agent && !worker.asked_back.insert(held[i]).second) continue;
    command.tasks.push_back({held[i], tasks_[task_of(held[i])].place});
  }
  if (!command.tasks.empty()) out.take_backs.push_back(std::move(command));
}

// ---- workers that leave
// --------------------------------------------------------------------------

// It is given nothing more, and gives up what it has not begun.
void Scheduler::retire(std::uint32_t id, Commands& out) {
  workers_[id].retiring = true;
  if (workers_[id].held > 0) take_back(id, workers_[id].held, out);
}

void Scheduler::settle(std::uint32_t id, Time now, Commands& out) {
  Worker& worker = workers_[id];
  const std::uint32_t most = workers_.most_tasks(worker);
  if (worker.life == Life::ready && worker.held == 0) {
    worker.idle_since = now;
    if (worker.retiring || (most > 0 && worker.done >= most)) {
      drain(id, out);
    } else if (settings_.idle_timeout > Duration::zero() && !dismiss_at_ && !stopping_) {
      dismiss_at_ = now + settings_.idle_timeout;
    }
  }
  workers_.refresh(id);
}

void Scheduler::dismiss_idle(Time now, Commands& out) {
  if (!dismiss_at_ || *dismiss_at_ > now) return;
  dismiss_at_.reset();
  const std::size_t outstanding = tasks_.queued() + held_;
  for (std::uint32_t id = 0; id < workers_.size(); ++id) {
    const Worker& worker = workers_[id];
    if (worker.life != Life::ready || worker.held > 0) continue;
    Time due = worker.idle_since + settings_.idle_timeout;
    if (due <= now && outstanding < workers_.staying()) {
      dismissed_ = true;
      drain(id, out);
      continue;
    }
    if (due <= now) due = now + settings_.idle_timeout;
    dismiss_at_ = std::min(dismiss_at_.value_or(due), due);
  }
}

void Scheduler::drain(std::uint32_t id, Commands& out) {
  Worker& worker = workers_[id];
  worker.life = Life::draining;
  out.drains.push_back({{id, worker.incarnation}});
  workers_.refresh(id);
}

void Scheduler::drain_all(Commands& out) {
  while (!workers_.ready().empty()) drain(workers_.ready().last(), out);
  // An agent may be waited for without end.
  for (std::uint32_t id = workers_.first_agent(); id < workers_.size(); ++id)
    if (workers_[id].life == Life::starting) drain(id, out);
  while (!workers_.backing_off().empty()) {
    const std::uint32_t id = workers_.backing_off().last();
    workers_[id].life = Life::none;
    workers_.refresh(id);
  }
}

// ---- time limits
// ---------------------------------------------------------------------------------

void Scheduler::harvest_later(std::uint32_t id, Time at) {
  if (!harvests_.has(id)) harvests_.add(id, at);
}

// A worker speaks between calls, and often enough: who is silent is in a long one, or has not
// begun. It is looked at again after as long again.
void Scheduler::harvest(Time now, Commands& out) {
  for (const std::uint32_t id : harvests_.take_due(now)) {
    const Worker& worker = workers_[id];
    if (worker.held < 2) continue;
    const Time due = worker.heard + settings_.harvest_after;
    if (due <= now) out.harvests.push_back({id, worker.incarnation});
    harvest_later(id, due > now ? due : now + (now - worker.heard));
  }
}

// At those that may be running something for too long by now.
void Scheduler::look(Time now, Commands& out) {
  for (const std::uint32_t id : looks_.take_due(now))
    if (workers_[id].held > 0) out.looks.push_back({id, workers_[id].incarnation});
}

}  // namespace flagship::core
