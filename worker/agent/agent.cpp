// SPDX-License-Identifier: MIT
#include "worker/agent/agent.hpp"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <deque>
#include <filesystem>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <utility>

#include "common/agent_keys.hpp"
#include "common/build_id.hpp"
#include "common/os/machine.hpp"
#include "common/pool_terms.hpp"
#include "common/role.hpp"
#include "common/version.hpp"
#include "flagship/executor.hpp"
#include "flagship/serializer.hpp"
#include "worker/agent/link.hpp"
#include "worker/agent/passed_call.hpp"

namespace flagship::worker {
namespace {

using Clock = Link::Clock;
using std::chrono::nanoseconds;

constexpr int kBroken = 70;
constexpr std::size_t kMostTicket = 64 * 1024;
constexpr std::size_t kMostPrinted = 1 << 20;
constexpr std::size_t kBatchBytes = 1 << 20;
constexpr unsigned kLastSeconds = 5;  // for what is left to do once its master is gone
constexpr std::chrono::milliseconds kLinger{2000};
constexpr std::chrono::milliseconds kLookAtBegun{200};

/// What workers print, on its way from the pool's thread to the agent's. What nobody fetches is
/// dropped.
class Prints {
 public:
  void put(const WorkerOutput& output) {
    const std::lock_guard lock(mutex_);
    if (bytes_ + output.text.size() > kMostPrinted || output.worker < 0) return;
    bytes_ += output.text.size();
    waiting_.push_back(
        {static_cast<std::uint32_t>(output.worker), output.pid, std::string(output.text)});
  }
  std::deque<wire::Printed> take() {
    const std::lock_guard lock(mutex_);
    bytes_ = 0;
    return std::exchange(waiting_, {});
  }

 private:
  std::mutex mutex_;  // guards what follows
  std::deque<wire::Printed> waiting_;
  std::size_t bytes_ = 0;
};

/// SIGTERM and the like as something to read. Blocked before there are threads; workers do not
/// inherit that.
class Signals {
 public:
  Signals() {
    sigset_t set;
    sigemptyset(&set);
    for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGUSR1}) sigaddset(&set, signal);
    sigprocmask(SIG_BLOCK, &set, nullptr);
    fd_.reset(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  }
  int fd() const { return fd_.get(); }
  int take() {
    signalfd_siginfo info{};
    return read(fd_.get(), &info, sizeof info) == sizeof info ? static_cast<int>(info.ssi_signo)
                                                              : 0;
  }

 private:
  UniqueFd fd_;
};

wire::Greeting greeting_of(const wire::Ticket& ticket) {
  wire::Greeting greeting;
  greeting.run = ticket.run;
  greeting.token = ticket.token;
  greeting.agent = ticket.agent;
  greeting.build_id = detail::build_id();
  greeting.version = kVersion;
  greeting.host = host_name();
  greeting.pid = getpid();
  greeting.cpus = static_cast<std::uint32_t>(usable_cpus());
  greeting.memory = physical_memory();
  return greeting;
}

/// Folders that downloads may write to are made here as they are on the master's host.
void make_folders(const Isolation& isolation) {
  if (!isolation.writable) return;
  for (const std::string& folder : *isolation.writable) {
    std::error_code error;
    std::filesystem::create_directories(folder, error);
    if (error)
      throw LinkError("cannot make the folder " + folder + " on this host: " + error.message());
  }
}

PoolOptions options_of(const PoolTerms& terms, int workers, Prints& prints) {
  PoolOptions options;
  options.name = terms.name;
  options.max_workers = workers > 0 ? workers : terms.workers;
  options.max_running = terms.max_running;
  // A worker beyond what may run at once would have nothing to do.
  if (options.max_running > 0)
    options.max_workers = std::min(options.max_workers > 0 ? options.max_workers : usable_cpus(),
                                   options.max_running);
  options.max_tasks_per_worker = terms.max_tasks_per_worker;
  options.max_worker_rss = terms.max_worker_rss;
  options.task_timeout = nanoseconds(terms.task_timeout_ns);
  options.interrupt_grace = nanoseconds(terms.interrupt_grace_ns);
  options.flush_after = nanoseconds(terms.flush_after_ns);
  options.max_message_bytes = terms.max_message_bytes;
  options.initializer = {terms.initializer_function, terms.initializer};
  options.limits.memory = terms.memory;
  options.limits.address_space = terms.address_space;
  options.limits.data = terms.data;
  options.limits.cpu_seconds = terms.cpu_seconds;
  options.limits.open_files = terms.open_files;
  options.limits.file_size = terms.file_size;
  options.limits.processes = terms.processes;
  options.limits.core = terms.core;
  options.isolation = terms.isolation;
  options.eager = true;
  options.output = [&prints](const WorkerOutput& output) { prints.put(output); };
  return options;
}

class Agent {
 public:
  Agent(const wire::Ticket& ticket, int workers, const Lifeline& lifeline)
      : link_(ticket, greeting_of(ticket), lifeline),
        writer_({link_.welcome().agent.worker, link_.welcome().agent.incarnation}) {
    Reader in(link_.welcome().pool);
    const PoolTerms terms = in.get<PoolTerms>();
    make_folders(terms.isolation);
    const PoolOptions options = options_of(terms, workers, prints_);
    pool_.emplace(options);
    beat_every_ = std::max<nanoseconds>(link_.welcome().lease / 5, std::chrono::milliseconds(100));
    if (terms.leaves_after_ns > 0) leaves_at_ = Clock::now() + nanoseconds(terms.leaves_after_ns);
    link_.open();
    wire::Hello hello;
    hello.build_id = detail::build_id();
    hello.version = kVersion;
    hello.pid = getpid();
    const int own = options.max_workers > 0 ? options.max_workers : usable_cpus();
    hello.concurrency =
        static_cast<std::uint32_t>(options.max_running > 0 ? options.max_running : own);
    hello.lag = link_.lag();
    concurrency_ = hello.concurrency;
    flush_after_ = options.flush_after;
    link_.send(writer_.hello(hello));
    if (options.initializer.function != 0) link_.send(writer_.began({}));
    answer_by_ = Clock::now() + 2 * link_.welcome().lease;
  }

  /// Returns when its master wants no more of it. Throws LinkError when that is lost.
  void run() {
    while (!done_) {
      const Clock::time_point until = next_time();
      const std::vector<bool> readable = link_.wait({returns_.fd(), signals_.fd()}, until);
      if (readable[1]) on_signal(signals_.take());
      read_tasks();
      read_returns();
      print();
      keep_time();
      if (leaving_at_end_ && calls_.empty()) done_ = true;
    }
    pool_->shutdown();
    print();
    link_.say(wire::Leaving{{}, true});
    link_.close(kLinger);
  }

  /// Its master is gone: nothing of what runs here is wanted.
  void abandon() {
    if (pool_) pool_->kill_workers();
    pool_.reset();
  }

 private:
  Clock::time_point next_time() const {
    Clock::time_point next = std::min(next_beat_, link_.heard() + link_.welcome().lease);
    if (leaves_at_) next = std::min(next, *leaves_at_);
    if (!calls_.empty()) next = std::min(next, next_look_);
    if (answer_by_) next = std::min(next, *answer_by_);
    if (flush_at_) next = std::min(next, *flush_at_);
    return next;
  }

  void keep_time() {
    const Clock::time_point now = Clock::now();
    if (now >= link_.heard() + link_.welcome().lease)
      throw LinkError("nothing was heard of its master for the length of its lease");
    if (answer_by_ && now >= *answer_by_)
      throw LinkError("its master does not answer by the way of tasks");
    if (leaves_at_ && now >= *leaves_at_) {
      leaves_at_.reset();
      leave("its time is nearly over");
    }
    if (now >= next_look_) tell_begun(now);
    if (now < next_beat_) return;
    next_beat_ = now + beat_every_;
    std::vector<wire::Beat::Worker> workers;
    for (const WorkerStatus& worker : pool_->status().workers) {
      const auto at = static_cast<std::size_t>(worker.id);
      if (workers.size() <= at) workers.resize(at + 1);
      workers[at] = {worker.pid, static_cast<std::uint32_t>(worker.state),
                     static_cast<std::uint32_t>(worker.held)};
    }
    link_.beat(std::move(workers));
  }

  // For whoever asks over there whether a call runs.
  void tell_begun(Clock::time_point now) {
    next_look_ = now + kLookAtBegun;
    std::vector<std::uint64_t> begun;
    for (auto& [ticket, call] : calls_) {
      if (call.told || call.state->state() != State::running) continue;
      call.told = true;
      begun.push_back(ticket);
    }
    if (!begun.empty()) link_.send(writer_.began(begun));
  }

  void on_signal(int signal) {
    if (signal == 0) return;
    if (left_) throw LinkError("it was told to go at once");
    leave(std::string("it got ") + sigabbrev_np(signal));
  }

  void leave(const std::string& reason) {
    if (std::exchange(left_, true)) return;
    link_.say(wire::Leaving{reason, false});
  }

  void read_tasks() {
    while (link_.receive(message_)) {
      switch (reader_.read(message_)) {
        case wire::DownReader::Kind::welcome:  // says nothing that it does not know
          answer_by_.reset();
          link_.close_behind();
          break;
        case wire::DownReader::Kind::assign:
          while (const auto call = reader_.next()) take(*call);
          break;
        case wire::DownReader::Kind::recall:
          for (const std::uint64_t ticket : reader_.tickets())
            if (const auto at = calls_.find(ticket); at != calls_.end()) at->second.state->cancel();
          break;
        case wire::DownReader::Kind::interrupt:
          for (const std::uint64_t ticket : reader_.tickets())
            if (const auto at = calls_.find(ticket); at != calls_.end())
              at->second.state->interrupt();
          break;
        case wire::DownReader::Kind::signal:
          pool_->core().terminate(reader_.signal());
          leaving_at_end_ = true;
          break;
        case wire::DownReader::Kind::drain:
          leaving_at_end_ = true;
          break;
        case wire::DownReader::Kind::malformed:
          throw LinkError("its master says what cannot be read");
      }
    }
  }

  void take(const wire::AssignedCall& assigned) {
    auto call = detail::Ref<PassedCall>::adopt(new PassedCall(assigned, returns_));
    calls_.emplace(assigned.ticket, Call{call, false});
    call->watch_end();
    try {
      pool_->core().submit(detail::Ref<detail::RemoteCall>(call.get()));
    } catch (const std::exception& error) {
      call->cancel();  // comes back as one that did not begin
      on_broken(error.what());
    }
  }

  void read_returns() {
    const Returns::Taken taken = returns_.take();
    std::vector<std::uint64_t> begun;
    for (const std::uint64_t ticket : taken.begun) {
      const auto at = calls_.find(ticket);
      if (at == calls_.end() || std::exchange(at->second.told, true)) continue;
      begun.push_back(ticket);
    }
    if (!begun.empty()) link_.send(writer_.began(begun));
    for (const std::uint64_t ticket : taken.ended) {
      const auto at = calls_.find(ticket);
      if (at == calls_.end()) continue;
      give_back(*at->second.state);
      calls_.erase(at);
      if (writer_.batched_bytes() >= kBatchBytes) flush();
    }
    flush_if_due();
  }

  // As a worker does: what comes together goes home together, while there is more to run.
  void flush_if_due() {
    if (writer_.batched() == 0) return;
    const Clock::time_point now = Clock::now();
    if (!flush_at_) flush_at_ = now + flush_after_;
    if (calls_.size() <= concurrency_ || now >= *flush_at_) flush();
  }

  void give_back(PassedCall& call) {
    PassedCall::Answer answer = call.take_result();
    const detail::Facts& facts = call.facts();
    std::string broken;
    if (answer.broken) broken = std::exchange(answer.payload, {});
    wire::Usage usage{facts.wall, facts.user, facts.system, facts.peak_rss};
    const bool used = facts.wall > nanoseconds::zero();
    busy_ += facts.wall;
    writer_.add(call.ticket(), answer.ending, answer.payload, used ? &usage : nullptr);
    wire::RanBy by;
    if (facts.place && facts.place->worker >= 0)
      by = {facts.place->pid, static_cast<std::uint32_t>(facts.place->worker)};
    writer_.add_by(by);
    if (!broken.empty()) on_broken(broken);
  }

  void flush() {
    flush_at_.reset();
    if (writer_.batched() > 0) link_.send(writer_.take_results(std::exchange(busy_, {})));
  }

  // No worker can be had here. An initializer that throws would throw elsewhere as well.
  void on_broken(const std::string& cause) {
    if (std::exchange(broken_, true)) return;
    if (cause.starts_with("the initializer failed"))
      link_.send(writer_.bye(cause));
    else
      leave(cause);
  }

  void print() {
    for (wire::Printed& printed : prints_.take()) link_.say(std::move(printed));
  }

  struct Call {
    detail::Ref<PassedCall> state;
    bool told = false;  // that it has begun
  };

  Signals signals_;  // first: before there is a thread
  Prints prints_;
  Returns returns_;
  Link link_;
  std::optional<ProcessPoolExecutor> pool_;
  wire::UpWriter writer_;
  wire::DownReader reader_;
  wire::Blobs message_;
  std::unordered_map<std::uint64_t, Call> calls_;  // by ticket
  nanoseconds busy_{};
  nanoseconds beat_every_{};
  Clock::time_point next_beat_{};
  Clock::time_point next_look_{};
  std::optional<Clock::time_point> leaves_at_;
  std::optional<Clock::time_point> answer_by_;
  nanoseconds flush_after_{};
  std::size_t concurrency_ = 1;
  std::optional<Clock::time_point> flush_at_;  // what waits for company
  bool left_ = false;                          // has said that it wants to go
  bool leaving_at_end_ = false;                // goes once it holds nothing
  bool broken_ = false;
  bool done_ = false;
};

/// The first line, without its end; what follows it stays unread.
std::string first_line(int fd) {
  std::string line;
  char c = 0;
  while (line.size() < kMostTicket) {
    const ssize_t got = read(fd, &c, 1);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    if (c == '\n') return line;
    line += c;
  }
  throw LinkError("standard input brings no ticket: agents are started by flagship");
}

[[noreturn]] void serve(const wire::Ticket& ticket, int workers, const Lifeline& lifeline) {
  detail::set_role(detail::Role::master);
  prctl(PR_SET_NAME, "flagship-agent");
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  signal(SIGPIPE, SIG_IGN);
  std::optional<Agent> agent;
  try {
    agent.emplace(ticket, workers, lifeline);
    agent->run();
    _exit(EXIT_SUCCESS);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "flagship: agent on %s: %s\n", host_name().c_str(), error.what());
  }
  alarm(kLastSeconds);
  if (agent) agent->abandon();
  _exit(kBroken);
}

[[noreturn]] void refuse(const std::exception& error) {
  std::fprintf(stderr, "flagship: agent on %s: %s\n", host_name().c_str(), error.what());
  _exit(kBroken);
}

}  // namespace

void be_agent() {
  std::optional<wire::Ticket> ticket;
  try {
    ticket = wire::read_ticket(first_line(STDIN_FILENO));
    if (!ticket) throw LinkError("what standard input brings is no ticket");
    if (ticket->protocol != wire::kProtocol)
      throw LinkError("its ticket is of version " + std::to_string(ticket->protocol) +
                      " of the protocol, this program speaks version " +
                      std::to_string(wire::kProtocol));
  } catch (const std::exception& error) {
    refuse(error);
  }
  serve(*ticket, 0, Lifeline(STDIN_FILENO));
}

void be_joining_agent(const std::string& endpoint, int workers) {
  wire::Ticket ticket;
  try {
    const AgentKeys keys = read_agent_keys(STDIN_FILENO);
    ticket.control = {endpoint};
    ticket.master_key = keys.master_public;
    ticket.public_key = keys.own.public_key;
    ticket.secret_key = keys.own.secret_key;
  } catch (const std::exception& error) {
    refuse(error);
  }
  serve(ticket, workers, Lifeline(-1));
}

}  // namespace flagship::worker
