// SPDX-License-Identifier: MIT
// A pool without processes: the real scheduler, and everything around it simulated from a seed.
// After each event the scheduler's answer is carried out as the loop would, and checked.
#pragma once

#include <cstdint>
#include <list>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "master/pool/core/scheduler.hpp"
#include "tests/sim/choices.hpp"
#include "tests/sim/sights.hpp"

namespace flagship::sim {

/// What the scheduler did wrong.
struct Wrong : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct Weather {  // how often what happens, out of 1000 steps
  std::uint32_t submits = 0;
  std::uint32_t cancels = 0;
  std::uint32_t interrupts = 0;
  std::uint32_t deaths = 0;
  std::uint32_t duplicates = 0;
  std::uint32_t ghosts = 0;  // words of earlier lives
  std::uint32_t pauses = 0;
  std::uint32_t ends = 0;            // shutdown, terminate, break
  std::uint32_t failing_starts = 0;  // of 1000 starts
  std::uint32_t raises = 0;          // of 1000 calls
  std::uint32_t leavings = 0;        // of agents that want to go
  std::uint32_t give_backs = 0;      // of 1000 calls that an agent would begin
  std::uint32_t own_deaths = 0;      // of 1000 calls of an agent: its own worker dies
  bool no_show = false;              // the last agent never comes
  std::uint32_t steps = 0;
  std::uint32_t most_at_once = 1;  // tasks in one submission
  bool hasty = false;              // is shut down as soon as all has ended
};

inline std::ostream& operator<<(std::ostream& out, core::WorkerRef ref) {
  return out << ref.id << '.' << ref.incarnation;
}

class World {
 public:
  /// `telling`: keeps the story, which takes its time.
  explicit World(Choices choices, bool telling = false);

  /// Lets things happen, then only good ones until the pool has finished. Throws Wrong.
  void run();

  std::uint64_t ended() const { return ended_; }
  std::uint64_t events() const { return events_; }
  const Sights& sights() const { return sights_; }
  /// The settings and all that happened.
  std::string story() const { return story_.str(); }

 private:
  using Ref = core::WorkerRef;
  enum class Page : std::uint8_t { held, running, finished, recalled, stopped, lent };
  struct Place {  // in the claim page
    core::Ticket ticket = 0;
    Page page = Page::held;
    core::How how = core::How::returned;
    bool outstanding = false;  // sent to the worker, and no result delivered
    bool in_outbox = false;
    bool harvested = false;
    bool begun = false;      // at an agent
    bool asked_for = false;  // likewise
  };
  struct Call {  // at a worker
    core::Ticket ticket = 0;
    std::uint32_t place = 0;
    core::Time began{};
  };
  struct Message {
    std::uint64_t serial = 0;
    std::vector<core::Ticket> tickets;
    std::vector<std::uint32_t> places;
    std::vector<core::How> how;
    core::Duration busy{};
    std::uint64_t rss = 0;
  };
  enum class Life : std::uint8_t { starting, ready, dead, buried };
  struct Process {
    Ref ref;
    std::uint32_t concurrency = 1;
    bool agent = false;        // of another host
    bool absent = false;       // and never comes
    bool wants_to_go = false;  // and has said so
    bool unwilling = false;    // or has given back what nobody had asked for
    core::Duration lag{};
    bool came = false;      // has been ready
    core::Time ready_at{};  // since when, or since it was set up
    bool fruitful = false;  // has ended something, or was stopped in it
    Life life = Life::buried;
    bool drain_sent = false;
    bool doomed = false;      // the owner kills it
    bool quits = false;       // a task of its was stopped
    bool leaving = false;     // for which the owner kills it
    bool failed = false;      // it could not be started
    bool setting_up = false;  // it does what comes before its first task
    bool big = false;         // above max_worker_rss, by its own measure
    bool known_big = false;
    std::uint32_t begun = 0;
    std::uint32_t outstanding = 0;
    double mean_ns = -1;  // of its calls, as the scheduler was told
    core::Duration usual_call{};
    std::vector<Call> inbox;
    std::vector<Call> running;
    Message unsent;
    std::vector<Message> in_flight;
    std::vector<Message> lost;
    std::vector<Place> places;
  };
  struct Host {  // of an agent, by all that has been heard of it
    int failures = 0;
    bool useless = false;
    std::optional<core::Time> lost_at;
  };
  struct Task {
    std::uint64_t serial = 0;
    bool known = false;
    bool held = false;
    bool fresh = false;  // nobody has had it yet
    bool first = false;  // waits again, and has kept its turn
    bool wants_cancel = false;
    core::Ticket ticket = 0;  // while held
    Ref worker;
    std::uint32_t place = 0;
    core::Duration timeout{};
    int priority = 0;
    int retries = 0;
    int retries_left = 0;
    int begun = 0;
    int begun_elsewhere = 0;
  };
  enum class Act : std::uint8_t {
    ready,
    set_up,
    begin,
    finish,
    flush,
    deliver,
    die,
    bury,
    take_back,
    cancel,
    interrupt,
    tick
  };

  // What happens.
  void storm();
  void calm();
  void something_happens();
  bool something_good_happens(bool with_ticks);
  void list_acts(bool with_ticks);
  void list_acts(Process& process);
  void carry_on(Act act, Process* process);
  void wait_for_tick();
  void submit();
  void cancel_one();
  void cancel(core::TaskId id);
  void interrupt_one();
  void end_somehow();
  void shut_down(bool cancel_pending);
  void terminate();
  void break_pool();
  void become_ready(Process& process);
  void check_that_starts_end();
  void fail_start(Process& process);
  void reckon(const Process& process, bool fruitful, bool hopeless);
  bool no_host_is_left() const;
  void begin_next(Process& process);
  bool passes_over(Process& process, Place& place);
  void give_back(Process& process, const Call& call);
  void finish_one(Process& process);
  void finish(Process& process, std::size_t i);
  core::Duration some_call();
  void flush(Process& process);
  void deliver(Process& process);
  void duplicate();
  void remember(Ref ref, Message message);
  void speak_of_an_earlier_life();
  void die_somewhere();
  void die(Process& process);
  void see_death(const Process& process);
  void tell_death(Process& process);
  void answer_take_back();
  void ask_back(Process& agent, const core::TakeBack& asked);
  void leave_somewhere();
  void leave(Process& agent);
  void deliver_cancel();
  void deliver_interrupt();
  void pass_time();

  // The scheduler, and its commands as the loop carries them out.
  void tell(const core::Event& event);
  void follow_up();
  void handle(const core::Event& event);
  void measure(const core::ResultsArrived& event);
  void see_the_break(const core::Event& event);
  void carry_out(const core::Event& event, const core::Commands& commands);
  void wait_again(const core::Event& event, core::TaskId id);
  void end(const core::Event& event, const core::EndTask& command);
  void check_end(const core::Event& event, const core::EndTask& command, const Task& task);
  void start(const core::StartWorker& command);
  void assign(const core::Assign& command, const core::Commands& commands);
  void hand_over(Process& process, const core::AssignedTask& assigned);
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
  void check_totals() const;
  void check_hands() const;
  void check_agents() const;
  void check_place_after_death(const Process& process, bool fruitful) const;
  void check_ticks() const;
  void check_limits() const;
  void check_worker(std::uint32_t id) const;
  void check_not_too_many() const;
  std::uint32_t window_of(const Process& process) const;
  std::uint32_t staying() const;

  bool is_agent(std::uint32_t id) const {
    return id >= settings_.max_workers - settings_.agents.size();
  }
  Process& process_of(Ref ref);
  Process* find(Ref ref);
  core::TaskId new_task();
  bool free(const Process& process) const;
  std::uint32_t& waiting(const Task& task) { return waiting_[task.priority + 2]; }
  void wait_no_more(Task& task);
  std::uint32_t below(std::uint32_t n) { return choices_.below(n); }
  template <class T>
  T& any(std::vector<T>& items) {
    return items[below(static_cast<std::uint32_t>(items.size()))];
  }
  bool happens(std::uint32_t of_1000) { return choices_.happens(of_1000); }
  void saw(Sight sight) { sights_.saw(sight); }
  template <class... Parts>
  void note(const Parts&... parts) {
    if (telling_) (story_ << ... << parts) << '\n';
  }
  void note_settings();
  void note_commands(const core::Commands& commands);

  Choices choices_;
  const bool telling_;
  const core::Settings settings_;
  Weather weather_;
  core::Scheduler scheduler_;
  core::Commands commands_;
  core::Time now_{};
  Sights sights_;

  std::vector<Task> tasks_;
  std::vector<core::TaskId> free_;
  std::size_t live_tasks_ = 0;
  std::size_t held_tasks_ = 0;
  std::uint32_t waiting_[5] = {};     // by priority
  std::uint32_t first_[5] = {};       // of these, how many have kept their turn
  std::uint64_t last_fresh_[5] = {};  // likewise: the last one that was handed over first
  std::uint64_t serials_ = 0;
  std::uint64_t messages_ = 0;
  std::uint64_t events_ = 0;
  std::uint64_t ended_ = 0;
  std::uint64_t results_ = 0;       // of these, with a result
  std::vector<Process> processes_;  // by place
  std::vector<Host> hosts_;         // likewise; agents'
  std::vector<std::pair<Act, Process*>> acts_;
  std::vector<core::TakeBack> take_backs_;                       // asked, not answered
  std::vector<std::pair<core::TaskId, std::uint64_t>> cancels_;  // decided, not told
  std::vector<core::TaskStopped> interrupts_;                    // likewise
  std::vector<std::pair<Ref, Message>> old_messages_;
  std::list<core::Event> follow_ups_;  // what carrying out a command brought
  std::list<Message> harvested_;       // what they point to
  core::Time calm_since_{};
  std::uint32_t idle_ticks_ = 0;
  int failures_ = 0;  // lives in vain, and nothing else came; agents apart
  bool stopping_ = false;
  bool cancelling_ = false;
  bool terminating_ = false;
  std::ostringstream story_;
};

}  // namespace flagship::sim
