// SPDX-License-Identifier: MIT
// What happens: the weather, the workers, the callers.
#include "tests/sim/world.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace flagship::sim {
namespace {

using namespace std::chrono_literals;
using core::How;
using core::TaskId;
using core::Ticket;

core::Settings settings_of(Choices& choices) {
  choices.begin_step();
  const auto one_in = [&](std::uint32_t n) { return choices.below(n) == n - 1; };
  core::Settings settings;
  settings.max_workers = 1 + choices.below(one_in(8) ? 5 : 3);
  if (one_in(4)) settings.concurrency = settings.max_workers * (1 + choices.below(3));
  settings.on_death = std::array{core::OnDeath::fail_task, core::OnDeath::retry,
                                 core::OnDeath::retry, core::OnDeath::break_pool}[choices.below(4)];
  settings.max_attempts = 1 + static_cast<int>(choices.below(3));
  settings.eager = one_in(5);
  settings.max_window = std::array{4096u, 16u, 4u}[choices.below(3)];
  settings.max_fruitless = 3 + static_cast<int>(choices.below(4));
  if (one_in(3)) settings.max_tasks_per_worker = 1 + choices.below(6);
  if (one_in(3)) settings.max_worker_rss = 1000;
  if (one_in(3)) settings.idle_timeout = 5ms;
  if (one_in(3)) settings.fruitful_after = 2ms;
  settings.first_agent_backoff = 50ms;
  if (one_in(3)) {
    const std::uint32_t agents = 1 + choices.below(3);
    settings.max_workers = one_in(3) ? agents : settings.max_workers + agents;
    for (std::uint32_t i = 0; i < agents; ++i) settings.agents.push_back(1 + choices.below(4));
  }
  return settings;
}

// Most walks are short and small: that is where most mistakes are, and it is a thousand of them for
// a few long ones.
Weather weather_of(Choices& choices, const core::Settings& settings) {
  const auto some = [&](std::uint32_t most) {
    return choices.below(3) == 0 ? 0 : choices.below(most);
  };
  const bool lengthy = choices.below(16) == 15;
  Weather weather;
  weather.submits = 50 + some(250);
  weather.cancels = some(80);
  weather.interrupts = some(60);
  weather.deaths = some(80);
  weather.duplicates = some(40);
  weather.ghosts = some(20);
  weather.pauses = some(100);
  weather.ends = some(lengthy ? 8 : 20);
  weather.failing_starts = choices.below(8) == 7 ? 900 : some(400);
  weather.raises = some(300);
  weather.steps = lengthy ? 100 + choices.below(500) : 10 + choices.below(60);
  weather.most_at_once = 1 + (choices.below(4) == 3 ? choices.below(40) : choices.below(6));
  weather.hasty = choices.below(2) == 0;
  if (settings.agents.empty()) return weather;
  weather.leavings = some(60);
  weather.give_backs = some(100);
  weather.own_deaths = some(300);
  // Who is waited for without end is not to be the only one.
  const bool others = settings.agents.size() < settings.max_workers;
  weather.no_show = others && choices.below(4) == 3;
  return weather;
}

}  // namespace

World::World(Choices choices, bool telling)
    : choices_(std::move(choices)),
      telling_(telling),
      settings_(settings_of(choices_)),
      weather_(weather_of(choices_, settings_)),
      scheduler_(settings_),
      processes_(settings_.max_workers),
      hosts_(settings_.max_workers) {
  note_settings();
}

void World::run() {
  if (settings_.eager) tell(core::Tick{});
  storm();
  calm();
  check(live_tasks_ == 0, "finished with tasks that have not ended");
  for (const Process& process : processes_)
    check(process.life == Life::buried, "finished with a worker alive");
}

void World::storm() {
  for (std::uint32_t step = 0;; ++step) {
    choices_.begin_step();
    if (choices_.over() || choices_.take(step < weather_.steps ? 0 : 1) != 0) return;
    something_happens();
  }
}

// Only good things, until the pool has finished. The clock stands still while anything else can
// happen.
void World::calm() {
  note("-- calm");
  calm_since_ = now_;
  weather_.failing_starts = weather_.give_backs = weather_.own_deaths = 0;
  const std::uint64_t most = 20'000 + 400 * serials_;
  for (std::uint64_t step = 0; !scheduler_.finished(); ++step) {
    check(step < most, "the pool goes on for ever");
    choices_.begin_step();
    if (weather_.hasty && live_tasks_ == 0 && !stopping_) {
      shut_down(false);
    } else if (something_good_happens(false)) {
      continue;
    } else if (scheduler_.next_tick()) {
      wait_for_tick();
    } else {
      check(live_tasks_ == 0, "tasks wait for nothing");
      check(!stopping_, "the pool is stuck");
      shut_down(false);
    }
  }
}

// All that can happen by itself has happened: only back-off is worth waiting for.
void World::wait_for_tick() {
  if (live_tasks_ > 0) {
    for (const Process& process : processes_)
      check(process.life == Life::buried || (process.life == Life::starting && process.absent),
            "work waits for the clock while a worker lives");
    check(now_ - calm_since_ <= 5s, "work waits for too long");
  } else {
    check(!stopping_, "the end waits for the clock");
    check(++idle_ticks_ <= 4 * settings_.max_workers + 4, "an idle pool goes on ticking");
  }
  now_ = std::max(now_, *scheduler_.next_tick());
  check_limits();
  note("tick");
  tell(core::Tick{});
}

// ---- steps ------------------------------------------------------------------------------------

// The lowest numbers are what would happen anyhow.
void World::something_happens() {
  std::uint32_t left = 999 - below(1000);
  const auto is = [&left](std::uint32_t weight) {
    const bool yes = left < weight;
    left -= yes ? 0 : weight;
    return yes;
  };
  if (is(stopping_ ? 0 : weather_.submits)) return submit();
  if (is(weather_.cancels)) return cancel_one();
  if (is(weather_.interrupts)) return interrupt_one();
  if (is(weather_.duplicates)) return duplicate();
  if (is(weather_.ghosts)) return speak_of_an_earlier_life();
  if (is(weather_.ends)) return end_somehow();
  if (is(weather_.deaths)) return die_somewhere();
  if (is(weather_.leavings)) return leave_somewhere();
  if (is(weather_.pauses)) return pass_time();
  something_good_happens(true);
}

bool World::something_good_happens(bool with_ticks) {
  list_acts(with_ticks);
  if (acts_.empty()) return false;
  const auto [act, process] = any(acts_);
  carry_on(act, process);
  return true;
}

void World::list_acts(bool with_ticks) {
  acts_.clear();
  for (Process& process : processes_)
    if (process.life != Life::buried) list_acts(process);
  if (!take_backs_.empty()) acts_.emplace_back(Act::take_back, nullptr);
  if (!cancels_.empty()) acts_.emplace_back(Act::cancel, nullptr);
  if (!interrupts_.empty()) acts_.emplace_back(Act::interrupt, nullptr);
  if (with_ticks && scheduler_.next_tick()) acts_.emplace_back(Act::tick, nullptr);
}

void World::list_acts(Process& process) {
  const auto can = [&](Act act) { acts_.emplace_back(act, &process); };
  if (process.life == Life::starting && !process.absent) can(Act::ready);
  if (process.life == Life::starting && (process.doomed || process.drain_sent)) can(Act::die);
  if (process.life == Life::ready && process.setting_up) {
    can(Act::set_up);
    if (process.doomed) can(Act::die);
  } else if (process.life == Life::ready) {
    if (!process.inbox.empty() && process.running.size() < process.concurrency) can(Act::begin);
    if (!process.running.empty()) can(Act::finish);
    if (!process.unsent.tickets.empty()) can(Act::flush);
    const bool idle =
        process.inbox.empty() && process.running.empty() && process.unsent.tickets.empty();
    if (process.quits || process.doomed || (process.drain_sent && idle)) can(Act::die);
  }
  if (!process.in_flight.empty()) can(Act::deliver);
  if (process.life == Life::dead && process.in_flight.empty()) can(Act::bury);
}

void World::carry_on(Act act, Process* process) {
  switch (act) {
    case Act::ready:
      return become_ready(*process);
    case Act::set_up:
      process->setting_up = false;
      process->ready_at = now_;
      return tell(core::WorkerSetUp{process->ref});
    case Act::begin:
      return begin_next(*process);
    case Act::finish:
      return finish_one(*process);
    case Act::flush:
      return flush(*process);
    case Act::deliver:
      return deliver(*process);
    case Act::die:
      return die(*process);
    case Act::bury:
      return tell_death(*process);
    case Act::take_back:
      return answer_take_back();
    case Act::cancel:
      return deliver_cancel();
    case Act::interrupt:
      return deliver_interrupt();
    case Act::tick:
      return pass_time();
  }
}

// To the tick that is asked for, or a little: ticks may be late, and never early.
void World::pass_time() {
  const std::optional<core::Time> next = scheduler_.next_tick();
  if (!next || happens(500))
    now_ += std::chrono::microseconds(below(3000));
  else
    now_ = std::max(now_, *next);
  check_limits();
  if (!next || now_ < *next) return;
  note("tick");
  tell(core::Tick{});
}

// ---- callers ----------------------------------------------------------------------------------

void World::submit() {
  std::vector<core::NewTask> tasks;
  for (std::uint32_t n = 1 + below(weather_.most_at_once); n > 0; --n) {
    const TaskId id = new_task();
    Task& task = tasks_[id];
    if (happens(200)) task.retries = task.retries_left = static_cast<int>(below(3));
    if (happens(200)) task.priority = static_cast<int>(below(5)) - 2;
    if (happens(200)) task.timeout = 2ms;
    if (happens(50)) task.begun = task.begun_elsewhere = 1;
    ++waiting(task);
    tasks.push_back(
        {id, task.priority, task.retries, task.timeout, static_cast<std::uint16_t>(task.begun)});
    note("task ", id, " arrives: priority ", task.priority, ", ", task.retries, " retries",
         task.timeout.count() > 0 ? ", time limit" : "");
  }
  tell(core::TasksArrived{tasks});
}

TaskId World::new_task() {
  if (free_.empty()) {
    free_.push_back(static_cast<TaskId>(tasks_.size()));
    tasks_.emplace_back();
  }
  const TaskId task = free_.back();
  free_.pop_back();
  tasks_[task] = {};
  tasks_[task].known = tasks_[task].fresh = true;
  tasks_[task].serial = ++serials_;
  ++live_tasks_;
  return task;
}

// A caller cancels: it is decided in the claim page at once, and told to the scheduler later.
void World::cancel_one() {
  if (!tasks_.empty()) cancel(below(static_cast<std::uint32_t>(tasks_.size())));
}

void World::cancel(TaskId id) {
  Task& task = tasks_[id];
  if (!task.known || task.wants_cancel) return;
  if (task.held && !recall(task)) return saw(Sight::cancel_too_late);
  saw(task.held ? Sight::cancel_of_a_held_task : Sight::cancel_of_a_queued_task);
  note("task ", id, " is cancelled by its owner");
  task.wants_cancel = true;
  cancels_.emplace_back(id, task.serial);
}

bool World::move(const Task& task, Page from, Page to) {
  Process* const process = find(task.worker);
  if (process == nullptr) return false;
  Place& place = process->places[task.place];
  if (place.ticket != task.ticket || place.page != from) return false;
  place.page = to;
  return true;
}

// A caller stops a running task: likewise.
void World::interrupt_one() {
  if (tasks_.empty()) return;
  Task& task = any(tasks_);
  if (!task.known || task.wants_cancel || !task.held) return;
  if (!move(task, Page::running, Page::stopped) && !move(task, Page::lent, Page::stopped))
    return saw(Sight::interrupt_too_late);
  saw(Sight::interrupt);
  note("task ", core::task_of(task.ticket), " is interrupted by its owner");
  task.wants_cancel = true;
  interrupts_.push_back({task.ticket});
}

void World::deliver_interrupt() {
  const core::TaskStopped event = interrupts_.front();
  interrupts_.erase(interrupts_.begin());
  note("the scheduler hears of the interrupt of task ", core::task_of(event.ticket));
  const std::optional<Ref> holder = scheduler_.holder_of(event.ticket);
  if (!holder || !is_agent(holder->id)) return tell(event);
  saw(Sight::interrupt_at_an_agent);
  tell(core::TaskCancelled{core::task_of(event.ticket)});
}

void World::deliver_cancel() {
  const auto [id, serial] = cancels_.front();
  cancels_.erase(cancels_.begin());
  if (!tasks_[id].known || tasks_[id].serial != serial) return;
  note("the scheduler hears of the cancelling of task ", id);
  tell(core::TaskCancelled{id});
}

void World::end_somehow() {
  switch (below(4)) {
    case 0:
      if (live_tasks_ > 0) saw(Sight::shutdown_amid_work);
      return shut_down(false);
    case 1:
      if (live_tasks_ > 0) saw(Sight::cancelling_shutdown_amid_work);
      return shut_down(true);
    case 2:
      return terminate();
    default:
      return break_pool();
  }
}

void World::shut_down(bool cancel_pending) {
  note(cancel_pending ? "shutdown, cancelling" : "shutdown");
  stopping_ = true;
  cancelling_ = cancelling_ || cancel_pending;
  if (cancel_pending)
    for (TaskId id = 0; id < tasks_.size(); ++id) cancel(id);
  tell(core::ShutdownAsked{cancel_pending});
}

void World::terminate() {
  if (live_tasks_ > 0) saw(Sight::terminate_amid_work);
  note("terminate");
  stopping_ = terminating_ = true;
  for (Process& process : processes_) process.doomed = true;
  tell(core::TerminateAsked{});
  tell(core::ShutdownAsked{});
}

void World::break_pool() {
  if (live_tasks_ > 0) saw(Sight::break_amid_work);
  note("the pool breaks");
  tell(core::PoolBroke{"broken"});
}

// ---- workers ----------------------------------------------------------------------------------

void World::become_ready(Process& process) {
  if (happens(weather_.failing_starts)) return fail_start(process);
  note("worker ", process.ref, " is ready");
  process.life = Life::ready;
  process.came = true;
  process.ready_at = now_;
  process.setting_up = happens(200);
  if (!process.agent) return tell(core::WorkerReady{process.ref, process.setting_up});
  const std::uint32_t runs = below(5);  // 0: as was thought
  if (runs > 0 && !process.drain_sent) process.concurrency = runs;
  process.lag = std::array<core::Duration, 3>{0ns, 300us, 20ms}[below(3)];
  tell(core::WorkerReady{process.ref, process.setting_up, runs, process.lag});
}

void World::fail_start(Process& process) {
  saw(Sight::start_failed);
  note("worker ", process.ref, " cannot start");
  process.life = Life::buried;
  process.failed = true;
  const bool hopeless = process.agent && happens(300);
  reckon(process, false, hopeless);
  tell(core::StartFailed{process.ref, "failed", hopeless});
  check_that_starts_end();
}

// What is to be concluded from the end of a life.
void World::reckon(const Process& process, bool fruitful, bool hopeless) {
  if (!process.agent) {
    failures_ = fruitful ? 0 : failures_ + 1;
    return;
  }
  Host& host = hosts_[process.ref.id];
  host.lost_at = now_;
  const bool over = stopping_ && process.drain_sent && live_tasks_ == 0;
  if (terminating_ || scheduler_.broken() || over) return;
  host.failures = fruitful ? 0 : host.failures + 1;
  host.useless = hopeless || host.failures >= settings_.max_fruitless;
  if (host.useless) saw(Sight::host_given_up);
}

bool World::no_host_is_left() const {
  for (std::uint32_t id = 0; id < settings_.max_workers; ++id)
    if (!is_agent(id) || !hosts_[id].useless) return false;
  return true;
}

void World::check_that_starts_end() {
  if (terminating_ || scheduler_.broken()) return;
  check(failures_ < settings_.max_fruitless, "workers are started for ever");
  check(!no_host_is_left(), "a pool without a host goes on");
}

void World::begin_next(Process& process) {
  Call call = process.inbox.front();
  process.inbox.erase(process.inbox.begin());
  Place& place = process.places[call.place];
  check(place.ticket == call.ticket, "a place was given to two tasks at once");
  if (passes_over(process, place)) return give_back(process, call);
  const TaskId id = core::task_of(call.ticket);
  note("worker ", process.ref, " begins task ", id);
  const bool unwanted = place.page == Page::stopped;
  if (!process.agent) place.page = Page::running;
  call.began = now_;
  process.running.push_back(call);
  const std::uint32_t limit = process.agent ? 0 : settings_.max_tasks_per_worker;
  check(limit == 0 || ++process.begun <= limit, "a worker begins more than max_tasks_per_worker");
  Task& task = tasks_[id];
  if (scheduler_.broken()) return;  // until the kill arrives, what has ended may begin
  if (unwanted && task.ticket != call.ticket) return;
  check(task.known && task.ticket == call.ticket, "a task begins that is elsewhere or has ended");
  ++task.begun;
  place.begun = true;
  const int most = 1 + task.begun_elsewhere + task.retries +
                   (settings_.on_death == core::OnDeath::retry ? settings_.max_attempts - 1 : 0);
  check(task.begun <= most, "a task begins too often");
}

// An agent gives back what nobody wants any more, mostly, and other things for reasons of its own.
bool World::passes_over(Process& process, Place& place) {
  if (process.agent) return happens(place.page == Page::stopped ? 700 : weather_.give_backs);
  if (process.big && place.page == Page::held) place.page = Page::recalled;
  return place.page == Page::recalled;
}

void World::give_back(Process& process, const Call& call) {
  note("worker ", process.ref, " passes over task ", core::task_of(call.ticket));
  process.unsent.tickets.push_back(call.ticket);
  process.unsent.places.push_back(call.place);
  process.unsent.how.push_back(How::recalled);
}

core::Duration World::some_call() {
  return std::array<core::Duration, 4>{1us, 300us, 10ms, 1s}[below(4)];
}

void World::finish_one(Process& process) {
  finish(process, below(static_cast<std::uint32_t>(process.running.size())));
}

void World::finish(Process& process, std::size_t i) {
  const Call call = process.running[i];
  process.running.erase(process.running.begin() + static_cast<std::ptrdiff_t>(i));
  Place& place = process.places[call.place];
  const TaskId id = core::task_of(call.ticket);
  if (place.page == Page::stopped && !process.agent) {  // its end is not its own any more
    note("task ", id, " was stopped");
    process.quits = true;
    return;
  }
  place.how = happens(weather_.raises) ? How::raised : happens(20) ? How::failed : How::returned;
  if (process.agent) {
    if (happens(weather_.own_deaths)) place.how = How::died;
  } else {
    place.page = Page::finished;
    place.in_outbox = !happens(50);  // else too large
  }
  note("task ", id, place.how == How::returned ? " returns" : " throws");
  process.unsent.tickets.push_back(call.ticket);
  process.unsent.places.push_back(call.place);
  process.unsent.how.push_back(place.how);
  if (happens(50)) process.usual_call = some_call();
  process.unsent.busy += process.usual_call;
  if (settings_.max_worker_rss > 0) {
    const bool grows = happens(100);
    process.big = process.big || (grows && !process.agent);
    process.unsent.rss = process.big || grows ? settings_.max_worker_rss + 1 : 10;
  }
}

void World::flush(Process& process) {
  note("worker ", process.ref, " sends ", process.unsent.tickets.size(), " results");
  process.unsent.serial = ++messages_;
  process.in_flight.push_back(std::exchange(process.unsent, {}));
}

void World::deliver(Process& process) {
  Message message = std::move(process.in_flight.front());
  process.in_flight.erase(process.in_flight.begin());
  for (const Process& other : processes_)
    if (!other.in_flight.empty() && other.in_flight.front().serial < message.serial)
      saw(Sight::messages_reordered_between_workers);
  for (std::size_t i = 0; i < message.tickets.size(); ++i) {
    Place& place = process.places[message.places[i]];
    if (place.ticket != message.tickets[i]) continue;
    if (place.harvested) saw(Sight::result_again_after_its_harvest);
    if (process.agent && place.page == Page::stopped) saw(Sight::result_after_its_interrupt);
    const Task& task = tasks_[core::task_of(message.tickets[i])];
    const bool held = place.outstanding && task.known && task.ticket == message.tickets[i];
    if (process.agent && held && message.how[i] == How::recalled && !place.asked_for) {
      saw(Sight::give_back_unasked);
      process.wants_to_go = process.unwilling = true;
    }
    process.outstanding -= place.outstanding ? 1 : 0;
    place.outstanding = place.in_outbox = false;
  }
  process.known_big = process.known_big || (!process.agent && settings_.max_worker_rss > 0 &&
                                            message.rss > settings_.max_worker_rss);
  note(message.tickets.size(), " results of worker ", process.ref, " arrive");
  tell(core::ResultsArrived{process.ref, message.tickets, message.how, message.busy, message.rss});
  remember(process.ref, std::move(message));
}

void World::remember(Ref ref, Message message) {
  constexpr std::size_t kMost = 8;
  if (old_messages_.size() < kMost)
    old_messages_.emplace_back(ref, std::move(message));
  else
    old_messages_[message.serial % kMost] = {ref, std::move(message)};
}

// The same once more, or of a life that is over: nothing of it may count.
void World::duplicate() {
  if (old_messages_.empty()) return;
  const auto& [ref, message] = any(old_messages_);
  const std::uint64_t before = results_;
  saw(find(ref) != nullptr ? Sight::message_twice : Sight::message_after_the_funeral);
  note("old results of worker ", ref, " arrive");
  tell(core::ResultsArrived{ref, message.tickets, message.how, message.busy});
  check(results_ == before, "old results ended a task");
}

// What is said of a life that is over is no news of the one that has its place now; nor is being
// ready twice.
void World::speak_of_an_earlier_life() {
  const Process& process = any(processes_);
  if (process.ref.incarnation == 0) return;
  saw(Sight::word_of_an_earlier_life);
  if (process.life == Life::ready && happens(500)) return tell(core::WorkerReady{process.ref});
  Ref ref = process.ref;
  if (process.life != Life::buried) --ref.incarnation;
  note("word of worker ", ref, ", which is gone");
  switch (below(7)) {
    case 5:
      return tell(core::WorkerSetUp{ref});
    case 6:
      return tell(core::WorkerLeaves{ref});
    case 0:
      return tell(core::WorkerReady{ref});
    case 1:
      return tell(core::WorkerGone{ref, {}, "again"});
    case 2:
      return tell(core::StartFailed{ref, "again"});
    case 3:
      return tell(core::WorkerSeen{ref, {}});
    default:
      return tell(core::TasksTakenBack{ref, {}});
  }
}

// ---- deaths -----------------------------------------------------------------------------------

void World::die_somewhere() {
  const std::uint32_t from = below(settings_.max_workers);
  for (std::uint32_t i = 0; i < settings_.max_workers; ++i) {
    Process& process = processes_[(from + i) % settings_.max_workers];
    if (process.life == Life::starting || process.life == Life::ready) return die(process);
  }
}

// Of what it has sent some is lost, or none.
void World::die(Process& process) {
  if (process.agent && process.life == Life::starting && happens(500)) return fail_start(process);
  note("worker ", process.ref, " dies");
  see_death(process);
  process.life = Life::dead;
  const bool polite = process.drain_sent && !process.doomed;
  if (polite || process.in_flight.empty()) return;
  const std::size_t most = process.in_flight.size();
  const std::size_t arrive = most - below(static_cast<std::uint32_t>(most) + 1);
  for (std::size_t i = arrive; i < most; ++i) {
    saw(Sight::message_lost);
    process.lost.push_back(std::move(process.in_flight[i]));
  }
  process.in_flight.resize(arrive);
}

void World::see_death(const Process& process) {
  if (process.doomed || process.drain_sent) return;
  if (process.life == Life::starting) return saw(Sight::death_while_starting);
  if (process.setting_up) saw(Sight::death_while_it_is_set_up);
  if (process.agent && process.outstanding > 0) saw(Sight::death_of_an_agent_with_tasks);
  if (process.outstanding == 0) saw(Sight::death_while_idle);
  if (!process.running.empty()) saw(Sight::death_while_running);
  if (!process.unsent.tickets.empty()) saw(Sight::death_with_results_unsent);
  if (!process.in_flight.empty()) saw(Sight::death_with_results_in_flight);
}

void World::tell_death(Process& process) {
  const std::uint64_t before = results_;
  harvest(process.ref);
  follow_up();
  if (results_ > before) saw(Sight::death_with_results_in_the_outbox);
  std::vector<Ticket> begun;
  for (const Place& place : process.places) {
    Task& task = tasks_[core::task_of(place.ticket)];
    if (!place.outstanding || !task.known || task.ticket != place.ticket) continue;
    if (process.agent && !place.begun) ++task.begun;  // nobody can know better
    if (place.page != Page::held && place.page != Page::recalled) begun.push_back(place.ticket);
  }
  process.life = Life::buried;
  note("worker ", process.ref, " is gone, having begun ", begun.size());
  const bool asked = process.drain_sent || process.leaving;
  const bool lasted =
      process.came && !process.setting_up && now_ - process.ready_at >= settings_.fruitful_after;
  const bool worked = process.fruitful || !begun.empty();
  if (lasted && !worked && !asked) saw(Sight::death_of_who_lasted_and_did_nothing);
  const bool fruitful = worked || (lasted && !process.unwilling) || (asked && !process.wants_to_go);
  reckon(process, fruitful, false);
  tell(core::WorkerGone{process.ref, begun, "died"});
  check_place_after_death(process, fruitful);
  check_that_starts_end();
  for (Message& message : process.lost) remember(process.ref, std::move(message));
  process.lost.clear();
}

void World::answer_take_back() {
  const std::size_t i = below(static_cast<std::uint32_t>(take_backs_.size()));
  const core::TakeBack asked = std::move(take_backs_[i]);
  take_backs_.erase(take_backs_.begin() + static_cast<std::ptrdiff_t>(i));
  if (find(asked.worker) == nullptr) saw(Sight::take_back_from_the_dead);
  if (is_agent(asked.worker.id)) {
    if (Process* const agent = find(asked.worker)) ask_back(*agent, asked);
    return;
  }
  std::vector<Ticket> taken;
  for (const core::AssignedTask& wanted : asked.tasks) {
    const Task& task = tasks_[core::task_of(wanted.ticket)];
    const bool there = task.known && task.held && task.ticket == wanted.ticket;
    if (!there) saw(Sight::take_back_too_late);
    if (there && !happens(200) && recall(task)) taken.push_back(wanted.ticket);
    if (!there && happens(100)) taken.push_back(wanted.ticket);  // stale: to be ignored
  }
  if (!taken.empty()) saw(Sight::take_back);
  note(taken.size(), " tasks are taken back from worker ", asked.worker);
  tell(core::TasksTakenBack{asked.worker, taken});
}

// It only hears of it: what it has begun by then ends as if nothing had been said.
void World::ask_back(Process& agent, const core::TakeBack& asked) {
  note("agent ", agent.ref, " is asked for ", asked.tasks.size(), " tasks");
  for (const core::AssignedTask& wanted : asked.tasks) {
    const auto call =
        std::find_if(agent.inbox.begin(), agent.inbox.end(),
                     [&wanted](const Call& waiting) { return waiting.ticket == wanted.ticket; });
    if (call == agent.inbox.end()) {
      saw(Sight::give_back_too_late);
    } else if (!happens(200)) {
      saw(Sight::give_back);
      give_back(agent, *call);
      agent.inbox.erase(call);
    }
  }
}

// ---- agents -----------------------------------------------------------------------------------

void World::leave_somewhere() {
  const std::uint32_t from = below(settings_.max_workers);
  for (std::uint32_t i = 0; i < settings_.max_workers; ++i) {
    Process& process = processes_[(from + i) % settings_.max_workers];
    const bool here = process.life == Life::starting || process.life == Life::ready;
    if (process.agent && here && !process.wants_to_go) return leave(process);
  }
}

// Its time is nearly over, perhaps, or somebody sent it a signal; it may say so before its Hello is
// read.
void World::leave(Process& agent) {
  saw(agent.life == Life::starting ? Sight::agent_wants_to_go_before_it_came
                                   : Sight::agent_wants_to_go);
  note("agent ", agent.ref, " wants to go");
  agent.wants_to_go = !agent.drain_sent;  // which it is told to do anyhow
  tell(core::WorkerLeaves{agent.ref});
  if (scheduler_.broken()) return;
  for (const Place& place : agent.places)
    check(!place.outstanding || place.page == Page::stopped || place.asked_for,
          "what an agent that wants to go has not begun is not asked for");
}

}  // namespace flagship::sim
