// SPDX-License-Identifier: MIT
#include "master/hosts/process_launcher.hpp"

#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <exception>
#include <iterator>
#include <stdexcept>
#include <system_error>
#include <utility>

namespace flagship::hosts {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr auto kTurn = 2s;   // and no longer: one that nobody answers must not hold up the others
constexpr auto kGrace = 5s;  // for a carrier that is to end
constexpr auto kGraceOfAll = 2s;  // at the end, which is waited for
constexpr std::uint64_t kWake = 0, kTimer = 1;
constexpr std::string_view kOurs = "flagship: ";

UniqueFd made(int fd) {
  if (fd < 0) throw std::system_error(errno, std::generic_category(), "cannot start agents");
  return UniqueFd(fd);
}

void watch(int epoll, int fd, std::uint64_t key) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = key;
  epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}

void drain(int fd) {
  std::uint64_t count = 0;
  [[maybe_unused]] const ssize_t got = ::read(fd, &count, sizeof count);
}

std::string_view next_line(std::string_view& lines) {
  const std::size_t end = lines.find('\n');
  const std::string_view line = lines.substr(0, end);
  lines.remove_prefix(std::min(lines.size(), end + 1));
  return line;
}

}  // namespace

ProcessLauncher::ProcessLauncher(std::unique_ptr<Way> way, std::shared_ptr<StartTurns> turns)
    : way_(std::move(way)),
      turns_(std::move(turns)),
      epoll_(made(epoll_create1(EPOLL_CLOEXEC))),
      wake_(made(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK))),
      timer_(made(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK))),
      last_key_(kTimer) {
  watch(epoll_.get(), wake_.get(), kWake);
  watch(epoll_.get(), timer_.get(), kTimer);
}

ProcessLauncher::~ProcessLauncher() {
  turns_->forget(wake_.get());
  for (auto& [key, life] : lives_) kill(life);
  const Time until = Clock::now() + kGraceOfAll;
  for (auto& [key, life] : lives_) life.carrier->wait_until(until);
}

std::string ProcessLauncher::start(const AgentStart& start) {
  auto turn = waiting_.empty() ? StartTurns::take(turns_) : std::nullopt;
  if (!turn) {
    waiting_.push_back(start);
    turns_->wait(wake_.get());
    return {};
  }
  try {
    begin(start, *std::move(turn));
  } catch (const std::exception& error) {
    return error.what();
  }
  return {};
}

std::unique_ptr<ChildProcess> ProcessLauncher::spawn(const AgentStart& start, Key key) {
  const std::vector<std::string> command = way_->command(start);
  try {
    return std::make_unique<ChildProcess>(command, epoll_.get(), key);
  } catch (const std::system_error& error) {
    if (error.code() == std::errc::no_such_file_or_directory)
      throw std::runtime_error(way_->missing());
    throw;
  }
}

void ProcessLauncher::begin(const AgentStart& start, StartTurns::Turn turn) {
  const Key key = ++last_key_;
  try {
    auto carrier = spawn(start, key);
    lives_.emplace(key, Life{.agent = start.agent,
                             .ticket = start.ticket,
                             .carrier = std::move(carrier),
                             .turn = std::move(turn),
                             .turn_ends = Clock::now() + kTurn});
  } catch (...) {
    way_->forget(start.agent);
    throw;
  }
  set_timer();
}

void ProcessLauncher::begin_waiting() {
  while (!waiting_.empty()) {
    auto turn = StartTurns::take(turns_);
    if (!turn) return;
    const AgentStart start = std::move(waiting_.front());
    waiting_.pop_front();
    try {
      begin(start, *std::move(turn));
    } catch (const std::exception& error) {
      end_unbegun(start.agent, {error.what()});
    }
  }
  turns_->forget(wake_.get());
}

void ProcessLauncher::read(std::vector<Ended>& out) {
  std::array<epoll_event, 64> events;
  const int n = epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), 0);
  for (int i = 0; i < n; ++i) {
    const Key key = events[static_cast<std::size_t>(i)].data.u64;
    if (key == kWake) drain(wake_.get());
    if (key == kTimer) keep_time();
    const auto life = lives_.find(key);
    if (life == lives_.end()) continue;  // it had several events, and has ended
    advance(life->second);
    if (life->second.carrier->ended()) end(life);
  }
  begin_waiting();
  out.insert(out.end(), std::make_move_iterator(ended_.begin()),
             std::make_move_iterator(ended_.end()));
  ended_.clear();
}

void ProcessLauncher::advance(Life& life) {
  std::string lines;
  life.carrier->advance(lines);
  for (std::string_view rest = lines; !rest.empty();) hear(life, next_line(rest));
}

// All else is what a shell's start-up files say, or the program, or why there is no program.
void ProcessLauncher::hear(Life& life, std::string_view line) {
  if (life.begun || life.cause || !line.starts_with(kOurs)) return life.carrier->note(line);
  line.remove_prefix(kOurs.size());
  const std::size_t space = std::min(line.find(' '), line.size());
  const std::string_view word = line.substr(0, space);
  life.turn.reset();
  life.cause = way_->said(*life.carrier, word, line.substr(std::min(space + 1, line.size())));
  if (life.cause) return kill(life);
  if (word != "begins") return;
  life.begun = true;
  life.carrier->send(std::move(life.ticket));
}

void ProcessLauncher::stop(AgentRef agent, bool now) {
  const auto waiting = std::find_if(waiting_.begin(), waiting_.end(),
                                    [&](const AgentStart& start) { return start.agent == agent; });
  if (waiting != waiting_.end()) {
    waiting_.erase(waiting);
    return end_unbegun(agent, way_->explain({.stopped = true}));
  }
  const auto life = std::find_if(lives_.begin(), lives_.end(),
                                 [&](const auto& each) { return each.second.agent == agent; });
  if (life != lives_.end()) stop(life, now);
}

void ProcessLauncher::stop(Lives::iterator found, bool now) {
  Life& life = found->second;
  advance(life);  // it may have ended by itself
  if (life.carrier->ended()) {
    end(found);
    eventfd_write(wake_.get(), 1);
    return;
  }
  life.carrier->close_input();
  if (!life.cause && !life.begun) life.cause = explain_stop(*life.carrier);
  if (!now && life.begun) return;
  life.killed = true;
  kill(life);
}

// With what it has said so far: what it says of being stopped is no news.
Cause ProcessLauncher::explain_stop(const ChildProcess& carrier) const {
  End end{.stopped = true};
  end.death.stderr_tail = carrier.last_lines();
  return way_->explain(std::move(end));
}

void ProcessLauncher::kill(Life& life) {
  life.carrier->close_input();
  way_->kill(*life.carrier);
  if (!life.kill_at) life.kill_at = Clock::now() + kGrace;
  set_timer();
}

void ProcessLauncher::end(Lives::iterator found) {
  Life& life = found->second;
  const Death& death = *life.carrier->ended();
  Cause cause = std::move(life.cause);
  if (!cause && (!life.killed || death.exit_code == 0))  // or else who has stopped it knows why
    cause = way_->explain({.begun = life.begun, .death = death});
  ended_.push_back({life.agent, std::move(cause.text), cause.hopeless});
  way_->forget(life.agent);
  lives_.erase(found);
}

void ProcessLauncher::end_unbegun(AgentRef agent, Cause cause) {
  ended_.push_back({agent, std::move(cause.text), cause.hopeless});
  eventfd_write(wake_.get(), 1);
}

void ProcessLauncher::keep_time() {
  drain(timer_.get());
  const Time now = Clock::now();
  for (auto& [key, life] : lives_) {
    if (life.turn && life.turn_ends <= now) life.turn.reset();
    if (life.kill_at && *life.kill_at <= now) {
      life.carrier->signal(SIGKILL);
      life.kill_at.reset();
    }
  }
  set_timer();
}

void ProcessLauncher::set_timer() {
  std::optional<Time> next;
  const auto sooner = [&](Time time) { next = next ? std::min(*next, time) : time; };
  for (const auto& [key, life] : lives_) {
    if (life.turn) sooner(life.turn_ends);
    if (life.kill_at) sooner(*life.kill_at);
  }
  itimerspec spec{};
  if (next) {
    const auto since = next->time_since_epoch();
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(since);
    spec.it_value.tv_sec = seconds.count();
    spec.it_value.tv_nsec = std::chrono::nanoseconds(since - seconds).count();
  }
  timerfd_settime(timer_.get(), TFD_TIMER_ABSTIME, &spec, nullptr);
}

int ProcessLauncher::carrier(AgentRef agent) const {
  if (!way_->carries_sockets()) return 0;
  for (const auto& [key, life] : lives_)
    if (life.agent == agent) return life.carrier->pid();
  return 0;
}

}  // namespace flagship::hosts
