// SPDX-License-Identifier: MIT
#include "master/pool/io/local_fleet.hpp"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <system_error>

#include "common/os/machine.hpp"
#include "common/os/sanitizers.hpp"
#include "master/pool/io/descriptors.hpp"
#include "master/pool/io/memory.hpp"
#include "master/pool/io/threads.hpp"
#include "master/pool/io/zmq_frames.hpp"

extern "C" {  // glibc 2.36's header forgets to say so
#include <sys/pidfd.h>
}

namespace flagship::pool {
namespace {

constexpr std::uint64_t kResultsKey = ~0ull;
constexpr std::uint64_t kWakeKey = ~0ull - 1;
constexpr std::uint64_t kOutputsKey = ~0ull - 2;
constexpr std::uint64_t kStartsKey = ~0ull - 3;
constexpr std::uint64_t kGuestKey = ~0ull - 4;
constexpr std::uint64_t kConnectKey = 1ull
                                      << 32;  // + worker: its task socket can be written, perhaps
constexpr std::size_t kMostMessages = 64;  // of one look, so that deaths and callers get their turn
constexpr int kThreads = 3;                // the loop, and libzmq's two
constexpr auto kConnectRetry = std::chrono::milliseconds(2);
constexpr auto kStderrRetry = std::chrono::milliseconds(5);
// With a sanitizer programs take longer to start.
constexpr auto kWorthMentioning = std::chrono::milliseconds(kSanitized ? 3200 : 800);

int milliseconds_until(detail::Deadline deadline) {
  if (!deadline) return -1;
  const auto left = *deadline - detail::Clock::now();
  if (left <= left.zero()) return 0;
  const auto ms = std::chrono::ceil<std::chrono::milliseconds>(left).count();
  return static_cast<int>(std::min<long long>(ms, 60'000));
}

std::chrono::nanoseconds duration_of(const timeval& time) {
  return std::chrono::seconds(time.tv_sec) + std::chrono::microseconds(time.tv_usec);
}

}  // namespace

class LocalFleet::EventFd final : public detail::Waker {
 public:
  EventFd() : fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (!fd_) throw std::system_error(errno, std::generic_category(), "cannot make an eventfd");
  }
  void wake() noexcept override {
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = write(fd_.get(), &one, sizeof one);
  }
  void clear() {
    std::uint64_t count = 0;
    [[maybe_unused]] const ssize_t got = read(fd_.get(), &count, sizeof count);
  }
  int get() const { return fd_.get(); }

 private:
  UniqueFd fd_;
};

LocalFleet::LocalFleet(FleetSettings settings)
    : settings_(std::move(settings)),
      host_(host_name()),
      context_(1),
      epoll_(epoll_create1(EPOLL_CLOEXEC)),
      waker_(std::make_shared<EventFd>()),
      outputs_(settings_.pool_name, settings_.output, settings_.max_workers),
      spawner_(settings_.worker_executable, outputs_),
      workers_(settings_.max_workers) {
  require_descriptors(settings_.max_workers);
  require_threads(kThreads);
  const int sockets = std::max(1023, static_cast<int>(settings_.max_workers) * 2 + 16);
  context_.set(zmq::ctxopt::max_sockets, sockets);
  results_ = zmq::socket_t(context_, ZMQ_PULL);
  results_.set(zmq::sockopt::linger, 0);
  results_.set(zmq::sockopt::backlog, 1024);
  results_.bind("ipc://" + dir_.path() + "/results");
  watch(results_.get(zmq::sockopt::fd), kResultsKey);
  watch(waker_->get(), kWakeKey);
  watch(spawner_.fd(), kStartsKey);
  if (settings_.memory) groups_.emplace();
  if (groups_ && !groups_->possible()) groups_.reset();
}

std::shared_ptr<detail::Waker> LocalFleet::waker() { return waker_; }

LocalFleet::~LocalFleet() {
  Happenings ignored;
  // Before the zygote, which would end what they leave, should this process be killed here.
  for (const Worker& worker : workers_)
    if (worker.pid != 0) signal(worker.ref, SIGKILL);
  spawner_.give_up("the pool is gone");
  read_starts(ignored);
  for (Worker& worker : workers_) {
    if (worker.pid == 0) continue;
    signal(worker.ref, SIGKILL);
    reap(worker, ignored);
  }
}

void LocalFleet::watch(int fd, std::uint64_t key) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = key;
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0)
    throw std::system_error(errno, std::generic_category(), "cannot watch a descriptor");
}

void LocalFleet::watch_also(int fd) { watch(fd, kGuestKey); }

std::string LocalFleet::start(core::WorkerRef ref) {
  Worker& worker = workers_[ref.id];
  bury({ref.id, worker.ref.incarnation});
  worker.ref = ref;
  try {
    worker.claims = ClaimPage::create(settings_.places);
    worker.pieces = wire::PieceReader(settings_.max_message_bytes);
    worker.tasks = zmq::socket_t(context_, ZMQ_PUSH);
    worker.tasks.set(zmq::sockopt::linger, 0);
    worker.tasks.set(zmq::sockopt::sndhwm, static_cast<int>(settings_.places) * 2);
    worker.tasks.set(zmq::sockopt::rcvhwm, 1);
    SpawnRequest request;
    request.worker = ref.id;
    request.incarnation = ref.incarnation;
    request.supervisor = getpid();
    request.places = settings_.places;
    request.max_message_bytes = settings_.max_message_bytes;
    request.pool = settings_.pool_name;
    request.limits = settings_.limits;
    if (settings_.memory) request.memory = groups_ ? groups_->name() : "polled";
    if (groups_) worker.group = groups_->make(*settings_.memory);
    request.isolation = settings_.isolation;
    request.tasks_endpoint = "ipc://" + dir_.path() + "/w" + std::to_string(ref.id) + "." +
                             std::to_string(ref.incarnation);
    request.results_endpoint = "ipc://" + dir_.path() + "/results";
    worker.tasks.bind(request.tasks_endpoint);
    worker.oom_kills = oom_kills_.count();
    UniqueFd output = outputs_.open(ref.id);
    worker.ordered = true;
    spawner_.start(
        {std::move(request), worker.claims.take_fd(), std::move(output), &worker.claims.pid()});
    return {};
  } catch (const std::exception& error) {
    outputs_.close(ref.id);
    end_group(worker);
    worker = {};
    return error.what();
  }
}

// A clone may speak before the zygote does.
pid_t LocalFleet::pid(core::WorkerRef ref) const {
  const Worker& worker = workers_[ref.id];
  return worker.ordered ? worker.claims.pid().load() : worker.pid;
}

void LocalFleet::read_starts(Happenings& out) {
  for (Spawner::Answer& answer : spawner_.read()) {
    Worker& worker = workers_[answer.worker];
    worker.ordered = false;
    try {
      if (answer.pid == 0) throw std::runtime_error(answer.cause);
      adopt(worker, answer.pid);
    } catch (const std::exception& error) {
      outputs_.close(answer.worker);
      end_group(worker);
      out.not_started.push_back({std::exchange(worker, {}).ref, error.what()});
    }
  }
}

void LocalFleet::adopt(Worker& worker, pid_t pid) {
  outputs_.started(worker.ref.id, pid);
  worker.pidfd.reset(pidfd_open(pid, 0));
  try {
    if (!worker.pidfd)
      throw std::system_error(errno, std::generic_category(),
                              "cannot watch worker process " + std::to_string(pid));
    if (worker.group) worker.group.take_in(pid);
    watch(worker.pidfd.get(), worker.ref.id);
  } catch (const std::exception&) {
    kill(pid, SIGKILL);
    spawner_.gone(pid);
    waitpid(pid, nullptr, 0);
    throw;
  }
  worker.pid = pid;
  if (worker.last_signal != 0) signal(worker.ref, worker.last_signal);
}

// It may be slow, or no worker program at all: nobody can tell, but it can be said.
void LocalFleet::mention_silent_zygote() {
  const auto since = spawner_.unanswered_since();
  if (mentioned_ || !since || detail::Clock::now() - *since < kWorthMentioning) return;
  mentioned_ = true;
  outputs_.say(outputs_.zygote(), "flagship: the worker program " + spawner_.program() +
                                      " does not answer yet; does its main call flagship::init?");
}

void LocalFleet::send(core::WorkerRef ref, wire::Frames&& message) {
  Worker& worker = workers_[ref.id];
  if (worker.pid == 0 && !worker.ordered) return;  // its death is about to be told
  if (!wire::wants_pieces(message)) return send_now_or_later(worker, std::move(message));
  for (wire::Frames& part : wire::in_pieces(std::move(message)))
    send_now_or_later(worker, std::move(part));
}

void LocalFleet::send_now_or_later(Worker& worker, wire::Frames&& message) {
  if (worker.unsent.empty() && pool::send(worker.tasks, message)) return;
  if (worker.unsent.empty()) {
    blocked_.push_back(worker.ref.id);
    watch(worker.tasks.get(zmq::sockopt::fd), kConnectKey + worker.ref.id);
  }
  worker.unsent.push_back(std::move(message));
}

void LocalFleet::flush_unsent() {
  std::erase_if(blocked_, [this](std::uint32_t id) {
    Worker& worker = workers_[id];
    const bool there = worker.pid != 0 || worker.ordered;
    while (!worker.unsent.empty() && there && pool::send(worker.tasks, worker.unsent.front()))
      worker.unsent.pop_front();
    if (there && !worker.unsent.empty()) return false;
    if (worker.tasks)
      epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, worker.tasks.get(zmq::sockopt::fd), nullptr);
    worker.unsent.clear();
    return true;
  });
}

void LocalFleet::signal(core::WorkerRef ref, int signal) {
  Worker& worker = workers_[ref.id];
  worker.last_signal = signal;
  if (worker.ordered && signal == SIGKILL)
    spawner_.give_up("the worker program " + spawner_.program() +
                     " did not answer; does its main call flagship::init?");
  if (worker.pid == 0) return;
  if (kill(-worker.pid, signal) != 0) pidfd_send_signal(worker.pidfd.get(), signal, nullptr, 0);
}

void LocalFleet::end_group(Worker& worker) {
  if (groups_) groups_->end(std::move(worker.group));
}

void LocalFleet::weigh() {
  if (!weighs()) return;
  for (Worker& worker : workers_) {
    if (worker.pid == 0 || worker.last_signal == SIGKILL) continue;
    worker.too_big = resident_bytes_of(worker.pid).value_or(0) > *settings_.memory;
    if (worker.too_big) signal(worker.ref, SIGKILL);
  }
}

void LocalFleet::bury(core::WorkerRef ref) {
  Worker& worker = workers_[ref.id];
  if (!(worker.ref == ref)) return;  // its place has a new worker
  std::erase(blocked_, ref.id);
  if (worker.tasks) {
    epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, worker.tasks.get(zmq::sockopt::fd), nullptr);
  }
  worker = {};
}

// While stderr takes nothing the workers' pipes fill up, and who prints waits: in its task, not
// here.
void LocalFleet::listen_to_outputs() {
  const bool wanted = !outputs_.held_up();
  if (wanted == listening_) return;
  if (wanted)
    watch(outputs_.fd(), kOutputsKey);
  else
    epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, outputs_.fd(), nullptr);
  listening_ = wanted;
}

void LocalFleet::wait(detail::Deadline deadline, Happenings& out) {
  const bool all_read = read_results(out);
  if (!blocked_.empty()) flush_unsent();
  outputs_.flush();
  listen_to_outputs();
  mention_silent_zygote();
  const bool ready = !all_read || !out.messages.empty() || spawner_.has_answers();
  int timeout = ready ? 0 : milliseconds_until(deadline);
  const auto at_most = [&timeout](std::chrono::milliseconds time) {
    if (timeout < 0 || timeout > time.count()) timeout = static_cast<int>(time.count());
  };
  if (!blocked_.empty()) at_most(kConnectRetry);
  if (outputs_.unwritten()) at_most(kStderrRetry);
  if (spawner_.unanswered_since() && !mentioned_) at_most(kWorthMentioning);
  std::array<epoll_event, 64> events;
  const int n = epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), timeout);
  std::vector<std::uint32_t> dead;
  bool starts = spawner_.has_answers();
  for (int i = 0; i < n; ++i) {
    const std::uint64_t key = events[static_cast<std::size_t>(i)].data.u64;
    if (key == kWakeKey)
      waker_->clear();
    else if (key == kOutputsKey)
      read_outputs();
    else if (key < kConnectKey)
      dead.push_back(static_cast<std::uint32_t>(key));
    starts = starts || key == kStartsKey;
  }
  if (starts) read_starts(out);
  if (n > 0) read_results(out);
  for (const std::uint32_t id : dead) reap(workers_[id], out);
  if (n > 0 && !blocked_.empty()) flush_unsent();
}

// A clone may print before the zygote has told of it.
void LocalFleet::read_outputs() {
  for (const Worker& worker : workers_) {
    if (!worker.ordered) continue;
    if (const pid_t pid = worker.claims.pid().load(); pid != 0)
      outputs_.started(worker.ref.id, pid);
  }
  outputs_.read();
}

// False: there may be more.
bool LocalFleet::read_results(Happenings& out) {
  std::shared_ptr<zmq::message_t> first;
  wire::Blobs message;
  for (std::size_t i = 0; i < kMostMessages; ++i) {
    if (!receive(results_, first, message)) return true;
    const pid_t sender = peer_pid(*first);
    if (wire::PieceReader::concerns(message) && !pieces_of(sender).take(message)) continue;
    out.messages.push_back({sender, std::move(message)});
  }
  return false;
}

// What the dead have sent may still be on its way. Strangers' pieces are none.
wire::PieceReader& LocalFleet::pieces_of(pid_t sender) {
  for (Worker& worker : workers_) {
    const pid_t alive = worker.ordered ? worker.claims.pid().load() : worker.pid;
    if (sender != 0 && (sender == alive || sender == worker.reaped)) return worker.pieces;
  }
  return nobodys_;
}

void LocalFleet::explain(const Worker& worker, Death& death) {
  death.stderr_tail = outputs_.close(worker.ref.id);
  death.backtrace = crashes_.backtrace(worker.claims.crash_note(), death.signal, spawner_.file());
  if (death.signal != SIGKILL) return;
  const bool too_big = worker.too_big || worker.group.ran_out();
  if (too_big) death.memory_limit = *settings_.memory;
  death.out_of_memory = too_big || (worker.last_signal != SIGKILL &&
                                    oom_kills_.explains_death_since(worker.oom_kills));
}

void LocalFleet::reap(Worker& worker, Happenings& out) {
  if (worker.pid == 0) return;
  // Before it is reaped its pid, and so its group, can be nobody else's.
  kill(-worker.pid, SIGKILL);
  spawner_.gone(worker.pid);
  Death death;
  death.pid = worker.pid;
  death.host = host_;
  siginfo_t info{};
  rusage usage{};
  long got = 0;
  do got = syscall(SYS_waitid, P_PIDFD, worker.pidfd.get(), &info, WEXITED, &usage);
  while (got < 0 && errno == EINTR);
  if (got == 0) {
    if (info.si_code == CLD_EXITED)
      death.exit_code = info.si_status;
    else
      death.signal = info.si_status;
    death.peak_rss = static_cast<std::size_t>(usage.ru_maxrss) * 1024;
    death.user = duration_of(usage.ru_utime);
    death.system = duration_of(usage.ru_stime);
  }
  explain(worker, death);
  end_group(worker);
  worker.pidfd.reset();
  worker.reaped = std::exchange(worker.pid, 0);
  out.gone.push_back({worker.ref, std::move(death)});
}

}  // namespace flagship::pool
