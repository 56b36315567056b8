// SPDX-License-Identifier: MIT
#include "master/pool/core/worker_table.hpp"

#include <algorithm>

namespace flagship::core {

void IndexSet::put(std::uint32_t item, bool in) {
  std::uint32_t& at = at_[item];
  if (in == (at != kNone)) return;
  if (in) {
    at = static_cast<std::uint32_t>(items_.size());
    items_.push_back(item);
    return;
  }
  items_[at] = items_.back();
  at_[items_[at]] = at;
  items_.pop_back();
  at = kNone;
}

WorkerTable::WorkerTable(const Settings& settings)
    : settings_(settings),
      workers_(settings.max_workers),
      lives_(settings.max_workers, Life::none) {
  const std::uint32_t n = settings.max_workers;
  for (IndexSet* set : {&idle_, &partial_, &roomy_, &ahead_, &vacant_, &ready_, &backing_off_})
    set->resize(n);
  for (std::uint32_t id = n; id-- > 0;) {  // so that 0 is the first to be started
    workers_[id].agent = id >= first_agent();
    if (workers_[id].agent) {
      workers_[id].concurrency = std::max(1u, settings.agents[id - first_agent()]);
    } else if (settings.concurrency > 0) {
      const std::uint32_t own = first_agent();
      const std::uint32_t rest = id < settings.concurrency % own ? 1 : 0;
      workers_[id].concurrency = std::max(1u, settings.concurrency / own + rest);
    }
    vacant_.put(id, true);
  }
}

Worker* WorkerTable::find(WorkerRef ref) {
  if (ref.id >= size()) return nullptr;
  Worker& worker = workers_[ref.id];
  const bool alive = worker.life != Life::none && worker.life != Life::backing_off &&
                     worker.life != Life::given_up;
  return alive && worker.incarnation == ref.incarnation ? &worker : nullptr;
}

std::uint32_t WorkerTable::window(const Worker& worker) const {
  const auto long_call = static_cast<double>((settings_.no_lookahead + 4 * worker.lag).count());
  double ahead = 0;
  if (worker.mean_ns >= 0 && worker.mean_ns < long_call) {
    const auto time = static_cast<double>((settings_.window_time + 2 * worker.lag).count());
    ahead = std::max(1.0, time * worker.concurrency / std::max(worker.mean_ns, 1.0));
  }
  const double window =
      std::min(worker.concurrency + ahead, static_cast<double>(settings_.max_window));
  return static_cast<std::uint32_t>(window);
}

// Those of an agent count theirs.
std::uint32_t WorkerTable::most_tasks(const Worker& worker) const {
  return worker.agent ? 0 : settings_.max_tasks_per_worker;
}

std::uint32_t WorkerTable::credit(const Worker& worker) const {
  if (worker.life != Life::ready || worker.retiring) return 0;
  const auto taken = static_cast<std::uint32_t>(worker.held + worker.taken_back.size());
  std::uint32_t most = window(worker);
  if (const std::uint32_t tasks = most_tasks(worker); tasks > 0)
    most = std::min(most, tasks - std::min(worker.done, tasks));
  return taken < most ? most - taken : 0;
}

void WorkerTable::refresh(std::uint32_t id) {
  const Worker& worker = workers_[id];
  // Many small tops-up would make many small messages: a worker that is not out of work waits for a
  // fair one.
  const std::uint32_t free = credit(worker);
  const bool open = free > 0 && (worker.held == 0 || free >= window(worker) / 4);
  idle_.put(id, open && worker.held == 0);
  partial_.put(id, open && worker.held > 0);
  roomy_.put(id, open && worker.held < worker.concurrency);
  ahead_.put(id, worker.life == Life::ready && worker.held > worker.concurrency);
  vacant_.put(id, worker.life == Life::none);
  ready_.put(id, worker.life == Life::ready);
  backing_off_.put(id, worker.life == Life::backing_off);
  // Work is not kept for agents: one may be waiting for its turn on a cluster.
  const auto counts = [](Life life) {
    return life == Life::starting || life == Life::backing_off ? 1u : 0u;
  };
  (worker.agent ? awaited_ : starting_) += counts(worker.life) - counts(lives_[id]);
  const auto useless = [](Life life) { return life == Life::given_up ? 1u : 0u; };
  given_up_ += useless(worker.life) - useless(lives_[id]);
  const auto leaves = [](Life life) {
    return life == Life::draining || life == Life::stopping ? 1u : 0u;
  };
  leaving_ += leaves(worker.life) - leaves(lives_[id]);
  lives_[id] = worker.life;
}

bool WorkerTable::all_given_up() const {
  return std::all_of(workers_.begin(), workers_.end(),
                     [](const Worker& worker) { return worker.life == Life::given_up; });
}

std::uint32_t WorkerTable::take_place(Worker& worker, Ticket ticket) {
  if (worker.free_places.empty()) {
    worker.free_places.push_back(static_cast<std::uint32_t>(worker.by_place.size()));
    worker.by_place.push_back(0);
  }
  const std::uint32_t place = worker.free_places.back();
  worker.free_places.pop_back();
  worker.by_place[place] = ticket;
  return place;
}

void WorkerTable::free_place(Worker& worker, std::uint32_t place) {
  worker.by_place[place] = 0;
  worker.free_places.push_back(place);
}

std::vector<Ticket> WorkerTable::held_by(const Worker& worker) const {
  std::vector<Ticket> held;
  for (const Ticket ticket : worker.by_place)
    if (ticket != 0 && !worker.taken_back.contains(ticket)) held.push_back(ticket);
  std::sort(held.begin(), held.end(), [](Ticket a, Ticket b) { return stamp_of(a) < stamp_of(b); });
  return held;
}

}  // namespace flagship::core
