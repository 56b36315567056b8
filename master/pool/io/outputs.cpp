// SPDX-License-Identifier: MIT
#include "master/pool/io/outputs.hpp"

#include <fcntl.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

#include "flagship/detail/state.hpp"

namespace flagship::pool {
namespace {

constexpr std::size_t kAtOnce = 64 * 1024;        // of one worker, before others get their turn
constexpr std::size_t kMostOfDead = 1024 * 1024;  // who still writes there is somebody else

}  // namespace

Outputs::Outputs(std::string pool, Sink sink, std::uint32_t workers)
    : pool_(std::move(pool)),
      sink_(std::move(sink)),
      epoll_(epoll_create1(EPOLL_CLOEXEC)),
      pipes_(workers + 1) {
  if (!epoll_) throw std::system_error(errno, std::generic_category(), "cannot make an epoll");
}

UniqueFd Outputs::open(std::uint32_t worker) {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0)
    throw std::system_error(errno, std::generic_category(), "cannot make a pipe for a worker");
  Pipe& pipe = pipes_[worker];
  pipe = {};
  pipe.end.reset(ends[0]);
  UniqueFd theirs(ends[1]);
  fcntl(pipe.end.get(), F_SETFL, O_NONBLOCK);  // ours only
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u32 = worker;
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, pipe.end.get(), &event) != 0)
    throw std::system_error(errno, std::generic_category(), "cannot watch a worker's output");
  buffer_.resize(kAtOnce);
  return theirs;
}

// Taken out by name: a copy of it in a process that somebody forked would keep it there.
void Outputs::forget(Pipe& pipe) {
  if (!pipe.end) return;
  epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, pipe.end.get(), nullptr);
  pipe.end.reset();
}

void Outputs::read() {
  std::array<epoll_event, 64> events;
  const int n = epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), 0);
  for (int i = 0; i < n && !held_up(); ++i) {
    read_some(events[static_cast<std::size_t>(i)].data.u32);
    flush();
  }
}

std::size_t Outputs::read_some(std::uint32_t worker) {
  Pipe& pipe = pipes_[worker];
  if (!pipe.end) return 0;
  const ssize_t got = ::read(pipe.end.get(), buffer_.data(), buffer_.size());
  if (got < 0) return 0;
  if (got == 0) {
    forget(pipe);
    return 0;
  }
  pipe.cutter.add({buffer_.data(), static_cast<std::size_t>(got)}, lines_);
  take_lines(worker);
  return static_cast<std::size_t>(got);
}

std::string Outputs::close(std::uint32_t worker) {
  for (std::size_t taken = 0; taken < kMostOfDead;) {
    const std::size_t some = read_some(worker);
    if (some == 0) break;
    taken += some;
  }
  Pipe& pipe = pipes_[worker];
  pipe.cutter.end(lines_);
  take_lines(worker);
  flush();
  forget(pipe);
  return std::exchange(pipe, {}).tail.text();
}

void Outputs::take_lines(std::uint32_t worker) {
  if (lines_.empty()) return;
  pipes_[worker].tail.add(lines_);
  give_on(worker, lines_);
  lines_.clear();
}

void Outputs::mention(std::string&& line) {
  line += '\n';
  if (!sink_) return printer_.add("", line);
  give({}, {-1, 0, line});
}

void Outputs::say(std::uint32_t worker, std::string&& line) { give_on(worker, line += '\n'); }

std::string Outputs::name_of(std::uint32_t worker) const {
  return pool_ + (worker == zygote() ? "/zygote" : "/worker-" + std::to_string(worker));
}

void Outputs::pass_on(const WorkerOutput& output) {
  const std::string name =
      pool_ + "/" + std::string(output.host) + "/worker-" + std::to_string(output.worker);
  give(name, output);
}

void Outputs::give_on(std::uint32_t worker, const std::string& lines) {
  give(name_of(worker),
       {worker == zygote() ? -1 : static_cast<int>(worker), pipes_[worker].pid, lines});
}

void Outputs::give(const std::string& name, const WorkerOutput& output) {
  if (!sink_) return printer_.add("[" + name + "] ", output.text);
  try {
    sink_(output);
  } catch (...) {
    detail::log_dropped_exception("what takes the output of workers");
  }
}

}  // namespace flagship::pool
