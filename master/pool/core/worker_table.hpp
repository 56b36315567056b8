// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "master/pool/core/types.hpp"

namespace flagship::core {

/// A set of small integers with constant-time changes; the last one added comes first.
class IndexSet {
 public:
  void resize(std::size_t n) { at_.resize(n, kNone); }
  bool empty() const { return items_.empty(); }
  std::size_t size() const { return items_.size(); }
  std::uint32_t last() const { return items_.back(); }
  std::uint32_t at(std::size_t i) const { return items_[i]; }
  void put(std::uint32_t item, bool in);

 private:
  static constexpr std::uint32_t kNone = ~0u;
  std::vector<std::uint32_t> items_;
  std::vector<std::uint32_t> at_;
};

/// `stopping`: it is being killed for a task that was stopped. `given_up`: an agent whose host is
/// of no use.
enum class Life : std::uint8_t { none, backing_off, starting, ready, draining, stopping, given_up };

/// One place for a worker and what it holds. A place outlives its processes: `incarnation` tells
/// them apart.
struct Worker {
  Life life = Life::none;
  std::uint32_t incarnation = 0;
  std::uint32_t concurrency = 1;
  std::uint32_t held = 0;   // tasks handed over and not ended
  std::uint32_t done = 0;   // calls that ended in this incarnation
  bool fruitful = false;    // this incarnation has begun or ended a task
  bool setting_up = false;  // it has said Hello, and does what comes before its first task
  bool retiring = false;    // it is given nothing more, and leaves once it holds nothing
  bool agent = false;       // of another host: its claim page is not shared
  bool unwilling = false;   // an agent's: it gave back what nobody had asked for
  int fruitless = 0;        // an agent's: lives in a row that ended without having begun a task
  Duration lag{};           // an agent's: to it and back
  double mean_ns = -1;      // running time of a call lately; negative: not known yet
  Time ready_at{};
  Time heard{};                  // when it last delivered, or was first given something
  Time start_at{};               // while backing off
  Time idle_since{};             // while ready and holding nothing
  std::vector<Ticket> by_place;  // 0: free
  std::vector<std::uint32_t> free_places;
  std::unordered_map<Ticket, std::uint32_t>
      taken_back;  // their places stay taken until the worker has passed over them
  std::unordered_set<Ticket> asked_back;  // an agent's: it was asked for these
};

/// All workers, and who can be given more.
class WorkerTable {
 public:
  explicit WorkerTable(const Settings& settings);

  Worker& operator[](std::uint32_t id) { return workers_[id]; }
  const Worker& operator[](std::uint32_t id) const { return workers_[id]; }
  std::uint32_t size() const { return static_cast<std::uint32_t>(workers_.size()); }
  /// Null when this incarnation is over.
  Worker* find(WorkerRef ref);

  /// How many more it may be given now.
  std::uint32_t credit(const Worker& worker) const;
  std::uint32_t window(const Worker& worker) const;
  /// That it runs in its life; 0: no limit.
  std::uint32_t most_tasks(const Worker& worker) const;
  /// To be called after any change to a worker's life, holdings or mean.
  void refresh(std::uint32_t id);

  std::uint32_t take_place(Worker& worker, Ticket ticket);
  void free_place(Worker& worker, std::uint32_t place);
  /// All that it holds, oldest handing over first.
  std::vector<Ticket> held_by(const Worker& worker) const;

  const IndexSet& idle() const { return idle_; }        // ready, holds nothing
  const IndexSet& partial() const { return partial_; }  // ready, holds something, has credit
  const IndexSet& roomy() const { return roomy_; }      // of either, runs fewer than it may
  const IndexSet& ahead() const { return ahead_; }      // holds more than it runs
  const IndexSet& vacant() const { return vacant_; }    // no process, none coming
  const IndexSet& ready() const { return ready_; }      // neither coming nor going
  const IndexSet& backing_off() const { return backing_off_; }
  std::uint32_t starting() const { return starting_; }
  std::uint32_t live() const {
    return size() - static_cast<std::uint32_t>(vacant_.size()) - given_up_;
  }
  std::uint32_t first_agent() const {
    return size() - static_cast<std::uint32_t>(settings_.agents.size());
  }
  /// Agents are all that there is, and all are given up.
  bool all_given_up() const;
  /// Of these, how many are here to stay: an agent once it is there.
  std::uint32_t staying() const { return live() - leaving_ - awaited_; }

 private:
  const Settings& settings_;
  std::vector<Worker> workers_;
  std::vector<Life> lives_;  // as of the last refresh
  IndexSet idle_, partial_, roomy_, ahead_, vacant_, ready_, backing_off_;
  std::uint32_t starting_ = 0;
  std::uint32_t leaving_ = 0;
  std::uint32_t awaited_ = 0;  // agents that may never come
  std::uint32_t given_up_ = 0;
};

}  // namespace flagship::core
