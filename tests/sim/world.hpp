// SPDX-License-Identifier: MIT
// A pool without processes: the real scheduler, and everything around it simulated from a seed.
// After each event the scheduler's answer is carried out as the loop would, and checked.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <random>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "master/pool/core/scheduler.hpp"

namespace flagship::sim {

/// What the scheduler did wrong.
struct Wrong : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct Weather {  // how often what happens, out of 1000 steps
  std::uint32_t submits = 150;
  std::uint32_t cancels = 30;
  std::uint32_t interrupts = 30;
  std::uint32_t deaths = 15;
  std::uint32_t late_duplicates = 10;
  std::uint32_t failing_starts = 100;  // of 1000 starts
  std::uint32_t raises = 100;          // of 1000 calls
  std::uint32_t ends = 2;              // shutdown, terminate, break
  std::uint32_t steps = 200;
  std::uint32_t most_at_once = 20;  // tasks in one submission
};

class World {
 public:
  explicit World(std::uint64_t seed);

  /// Lets things happen, then only good ones until the pool has finished. Throws Wrong.
  void run();

  std::uint64_t ended() const { return ended_; }
  /// The settings and the last events, for whoever must understand a failure.
  std::string story() const;

 private:
  using Ref = core::WorkerRef;
  enum class Page { held, running, finished, recalled, stopped };
  struct Call {  // at a worker
    core::Ticket ticket = 0;
    std::uint32_t place = 0;
    core::Time began{};
    bool operator==(const Call&) const = default;
  };
  struct Message {
    std::vector<core::Ticket> tickets;
    std::vector<core::How> how;
    core::Duration busy{};
    std::uint64_t rss = 0;
  };
  enum class Life { starting, ready, dead, buried };
  struct Process {
    Ref ref;
    std::uint32_t concurrency = 1;
    Life life = Life::starting;
    bool drain_sent = false;
    bool doomed = false;   // the owner kills it
    bool quits = false;    // a task of its was stopped
    bool leaving = false;  // for which the owner kills it
    bool big = false;      // above max_worker_rss, by its own measure
    bool known_big = false;
    std::uint32_t begun = 0;
    std::deque<Call> inbox;
    std::vector<Call> running;
    Message unsent;
    std::deque<Message> in_flight;
    std::map<core::Ticket, core::How> outbox;                        // finished, not delivered
    std::map<std::uint32_t, std::pair<std::uint32_t, Page>> places;  // stamp and state
    std::map<core::Ticket, std::uint32_t> outstanding;  // and places: no result delivered
    core::Duration usual_call{};
  };
  struct Task {
    std::uint64_t serial = 0;
    bool known = false;
    bool held = false;
    bool wants_cancel = false;
    core::Ticket ticket = 0;  // while held
    Ref worker;
    std::uint32_t place = 0;
    core::Duration timeout{};
    int retries = 0;
    int begun = 0;
    int raised = 0;
    int deaths = 0;
  };

  // What happens.
  void something_happens();
  bool something_good_happens();
  void submit();
  void cancel_one();
  void interrupt_one();
  void end_somehow();
  void shut_down(bool cancel_pending);
  void terminate();
  void become_ready(Process& process);
  void fail_start(Process& process);
  void begin_next(Process& process);
  void finish_one(Process& process);
  void flush(Process& process);
  void deliver(Process& process);
  void duplicate();
  void die(Process& process);
  void tell_death(Process& process);
  void answer_take_back();
  void deliver_cancel();
  void deliver_interrupt();
  void pass_time();

  // The scheduler, and its commands as the loop carries them out.
  void tell(const core::Event& event, const std::string& what);
  void carry_out(const core::Event& event, const core::Commands& commands);
  void end(const core::Event& event, const core::EndTask& command);
  void start(const core::StartWorker& command);
  void assign(const core::Assign& command, const core::Commands& commands);
  void drain(Ref worker);
  void look(Ref worker);
  void harvest(Ref worker);
  void stop(const core::StopTask& command);
  void kill(Ref worker);
  bool move(const Task& task, Page from, Page to);
  bool recall(const Task& task) { return move(task, Page::held, Page::recalled); }
  static void check(bool condition, const char* what) {
    if (!condition) throw Wrong(what);
  }
  static void check(bool condition, const std::string& what) { check(condition, what.c_str()); }
  void check_totals() const;
  void check_not_too_many() const;

  Process& process_of(Ref ref, const char* command);
  Process* find(Ref ref);
  std::vector<Process*> processes(bool (*which)(const Process&));
  core::TaskId new_task(int retries);
  std::uint32_t below(std::uint32_t n) { return static_cast<std::uint32_t>(random_() % n); }
  bool happens(std::uint32_t of_1000) { return below(1000) < of_1000; }
  template <class T>
  T& any(std::vector<T>& items) {
    return items[below(static_cast<std::uint32_t>(items.size()))];
  }

  const std::uint64_t seed_;
  std::mt19937_64 random_;
  Weather weather_;
  core::Settings settings_;
  core::Scheduler scheduler_;
  core::Time now_{};

  std::vector<Task> tasks_;
  std::vector<core::TaskId> free_;
  std::size_t live_tasks_ = 0;
  std::uint64_t serials_ = 0;
  std::uint64_t ended_ = 0;
  std::uint64_t results_ = 0;  // of these, with a result
  std::deque<Process> processes_;
  std::map<std::uint32_t, std::uint32_t> incarnations_;         // the last one in each place
  std::deque<core::TakeBack> take_backs_;                       // asked, not answered
  std::deque<std::pair<core::TaskId, std::uint64_t>> cancels_;  // decided, not told
  std::deque<core::TaskStopped> interrupts_;                    // likewise
  std::deque<std::pair<Ref, Message>> old_messages_;
  std::deque<core::Event> follow_ups_;  // what carrying out a command brought
  std::deque<Message> harvested_;       // what they point to
  bool stopping_ = false;
  bool cancelling_ = false;
  bool terminating_ = false;
  bool friendly_ = false;  // only good things from here on
  std::deque<std::string> story_;
};

}  // namespace flagship::sim
