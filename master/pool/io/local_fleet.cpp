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
#include <charconv>
#include <csignal>
#include <string_view>
#include <system_error>

#include "master/pool/io/descriptors.hpp"

extern "C" {  // glibc 2.36's header forgets to say so
#include <sys/pidfd.h>
}

namespace flagship::pool {
namespace {

constexpr std::uint64_t kResultsKey = ~0ull;
constexpr std::uint64_t kWakeKey = ~0ull - 1;
constexpr std::uint64_t kConnectKey = 1ull
                                      << 32;  // + worker: its task socket can be written, perhaps
constexpr std::size_t kMostMessages = 64;  // of one look, so that deaths and callers get their turn
constexpr auto kConnectRetry = std::chrono::milliseconds(2);

std::string host_name() {
  std::array<char, 256> name{};
  return gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "localhost";
}

int milliseconds_until(detail::Deadline deadline) {
  if (!deadline) return -1;
  const auto left = *deadline - detail::Clock::now();
  if (left <= left.zero()) return 0;
  const auto ms = std::chrono::ceil<std::chrono::milliseconds>(left).count();
  return static_cast<int>(std::min<long long>(ms, 60'000));
}

/// libzmq knows who is at the other end of a unix socket: "localhost:uid:gid:pid".
pid_t sender_of(zmq::message_t& message) {
  const std::string_view address = message.gets("Peer-Address");
  pid_t pid = 0;
  const std::string_view digits = address.substr(address.rfind(':') + 1);
  std::from_chars(digits.data(), digits.data() + digits.size(), pid);
  return pid;
}

wire::Blob blob_of(zmq::message_t&& message) {
  auto owner = std::make_shared<zmq::message_t>(std::move(message));
  return {owner->to_string_view(), owner};
}

zmq::message_t message_of(wire::Frame& frame) {
  if (!frame.shared && frame.own.size() < wire::kOwnFrameBytes)
    return zmq::message_t(frame.own.data(), frame.own.size());
  auto* const kept = new wire::Frame(std::move(frame));  // libzmq gives it back when it is out
  return zmq::message_t(
      const_cast<char*>(kept->bytes().data()), kept->bytes().size(),
      [](void*, void* hint) { delete static_cast<wire::Frame*>(hint); }, kept);
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
      spawner_(settings_.worker_executable),
      workers_(settings_.max_workers) {
  require_descriptors(settings_.max_workers);
  const int sockets = std::max(1023, static_cast<int>(settings_.max_workers) * 2 + 16);
  context_.set(zmq::ctxopt::max_sockets, sockets);
  results_ = zmq::socket_t(context_, ZMQ_PULL);
  results_.set(zmq::sockopt::linger, 0);
  results_.set(zmq::sockopt::backlog, 1024);
  results_.bind("ipc://" + dir_.path() + "/results");
  watch(results_.get(zmq::sockopt::fd), kResultsKey);
  watch(waker_->get(), kWakeKey);
}

std::shared_ptr<detail::Waker> LocalFleet::waker() { return waker_; }

LocalFleet::~LocalFleet() {
  for (Worker& worker : workers_) {
    if (worker.pid == 0) continue;
    signal(worker.ref, SIGKILL);
    Happenings ignored;
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

std::string LocalFleet::start(core::WorkerRef ref) {
  Worker& worker = workers_[ref.id];
  bury({ref.id, worker.ref.incarnation});
  worker.ref = ref;
  try {
    worker.claims = ClaimPage::create(settings_.places);
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
    request.isolation = settings_.isolation;
    request.tasks_endpoint = "ipc://" + dir_.path() + "/w" + std::to_string(ref.id) + "." +
                             std::to_string(ref.incarnation);
    request.results_endpoint = "ipc://" + dir_.path() + "/results";
    worker.tasks.bind(request.tasks_endpoint);
    const pid_t pid = spawner_.start(request, worker.claims.fd());
    worker.claims.close_fd();
    worker.pid = pid;
    worker.pidfd.reset(pidfd_open(pid, 0));
    if (!worker.pidfd)
      throw std::system_error(errno, std::generic_category(),
                              "cannot watch worker process " + std::to_string(pid));
    watch(worker.pidfd.get(), ref.id);
    return {};
  } catch (const std::exception& error) {
    if (worker.pid != 0) {
      kill(worker.pid, SIGKILL);
      waitpid(worker.pid, nullptr, 0);
    }
    worker = {};
    return error.what();
  }
}

void LocalFleet::send(core::WorkerRef ref, wire::Frames&& message) {
  Worker& worker = workers_[ref.id];
  if (worker.pid == 0) return;  // its death is about to be told
  if (worker.unsent.empty() && send_now(worker, message)) return;
  if (worker.unsent.empty()) {
    blocked_.push_back(ref.id);
    watch(worker.tasks.get(zmq::sockopt::fd), kConnectKey + ref.id);
  }
  worker.unsent.push_back(std::move(message));
}

bool LocalFleet::send_now(Worker& worker, wire::Frames& message) {
  if ((worker.tasks.get(zmq::sockopt::events) & ZMQ_POLLOUT) == 0) return false;
  for (std::size_t i = 0; i < message.size(); ++i) {
    const auto more = i + 1 < message.size() ? zmq::send_flags::sndmore : zmq::send_flags::none;
    worker.tasks.send(message_of(message[i]), zmq::send_flags::dontwait | more);
  }
  return true;
}

void LocalFleet::flush_unsent() {
  std::erase_if(blocked_, [this](std::uint32_t id) {
    Worker& worker = workers_[id];
    while (!worker.unsent.empty() && worker.pid != 0 && send_now(worker, worker.unsent.front()))
      worker.unsent.pop_front();
    if (worker.pid != 0 && !worker.unsent.empty()) return false;
    if (worker.tasks)
      epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, worker.tasks.get(zmq::sockopt::fd), nullptr);
    worker.unsent.clear();
    return true;
  });
}

void LocalFleet::signal(core::WorkerRef ref, int signal) {
  const Worker& worker = workers_[ref.id];
  if (worker.pid == 0) return;
  if (kill(-worker.pid, signal) != 0) pidfd_send_signal(worker.pidfd.get(), signal, nullptr, 0);
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

void LocalFleet::wait(detail::Deadline deadline, Happenings& out) {
  read_results(out);
  if (!blocked_.empty()) flush_unsent();
  int timeout = out.messages.empty() ? milliseconds_until(deadline) : 0;
  if (!blocked_.empty() && (timeout < 0 || timeout > kConnectRetry.count()))
    timeout = kConnectRetry.count();
  std::array<epoll_event, 64> events;
  const int n = epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), timeout);
  std::vector<std::uint32_t> dead;
  for (int i = 0; i < n; ++i) {
    const std::uint64_t key = events[static_cast<std::size_t>(i)].data.u64;
    if (key == kWakeKey)
      waker_->clear();
    else if (key < kConnectKey)
      dead.push_back(static_cast<std::uint32_t>(key));
  }
  if (n > 0) read_results(out);
  for (const std::uint32_t id : dead) reap(workers_[id], out);
  if (n > 0 && !blocked_.empty()) flush_unsent();
}

void LocalFleet::read_results(Happenings& out) {
  zmq::message_t frame;
  while (out.messages.size() < kMostMessages && results_.recv(frame, zmq::recv_flags::dontwait)) {
    const pid_t sender = sender_of(frame);
    wire::Blobs message;
    bool more = frame.more();
    message.push_back(blob_of(std::move(frame)));
    while (more) {
      zmq::message_t part;
      if (!results_.recv(part, zmq::recv_flags::dontwait)) break;
      more = part.more();
      message.push_back(blob_of(std::move(part)));
    }
    out.messages.push_back({sender, std::move(message)});
    frame = zmq::message_t();
  }
}

void LocalFleet::reap(Worker& worker, Happenings& out) {
  if (worker.pid == 0) return;
  // Before it is reaped its pid, and so its group, can be nobody else's.
  kill(-worker.pid, SIGKILL);
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
  }
  worker.pidfd.reset();
  worker.pid = 0;
  out.gone.push_back({worker.ref, std::move(death)});
}

}  // namespace flagship::pool
