// SPDX-License-Identifier: MIT
#include "master/pool/io/spawner.hpp"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "common/os/spawn_settings.hpp"
#include "flagship/error.hpp"

extern char** environ;

namespace flagship::pool {
namespace {

// argv[0]: room for the title that a worker shows in ps.
const std::string kTitle = "flagship-worker" + std::string(48, ' ');

/// "exited with code 127 before it could start a worker: what it printed last".
std::string sentence(const std::string& program, const Death& death) {
  std::string text =
      "the worker program " + program + " " + describe(death) + " before it could start a worker";
  if (!death.stderr_tail.empty()) return text + ": " + death.stderr_tail;
  return death.signal != 0 ? text : text + "; does its main call flagship::init?";
}

}  // namespace

Spawner::Spawner(std::string executable, Outputs& outputs)
    : executable_(std::move(executable)), outputs_(outputs), epoll_(epoll_create1(EPOLL_CLOEXEC)) {
  if (!epoll_) throw std::system_error(errno, std::generic_category(), "cannot make an epoll");
}

Spawner::~Spawner() { stop_zygote(); }

std::string Spawner::program() const {
  return executable_.empty() ? "this executable" : "'" + executable_ + "'";
}

std::string Spawner::file() const {
  if (zygote_ != 0) return "/proc/" + std::to_string(zygote_) + "/exe";
  return executable_.empty() ? "/proc/self/exe" : executable_;
}

std::optional<std::chrono::steady_clock::time_point> Spawner::unanswered_since() const {
  if (zygote_ == 0 || answered_ || orders_.empty()) return std::nullopt;
  return zygote_since_;
}

// Nothing is inherited but the socket and the pipe that it prints to.
pid_t Spawner::spawn_zygote(int socket, int output) {
  SpawnFiles files;
  posix_spawn_file_actions_addopen(files.get(), STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(files.get(), output, STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(files.get(), output, STDERR_FILENO);
  posix_spawn_file_actions_adddup2(files.get(), socket, kSpawnSocket);
  posix_spawn_file_actions_addclosefrom_np(files.get(), kSpawnSocket + 1);
  const SpawnAttributes attributes;
  std::string title = kTitle;
  std::string flag = kZygoteFlag;
  std::string supervisor = std::to_string(getpid());
  const std::array<char*, 4> argv{title.data(), flag.data(), supervisor.data(), nullptr};
  const char* const path = executable_.empty() ? "/proc/self/exe" : executable_.c_str();
  pid_t pid = 0;
  if (const int error =
          posix_spawn(&pid, path, files.get(), attributes.get(), argv.data(), environ);
      error != 0)
    throw std::system_error(error, std::generic_category(),
                            "cannot start the worker program " + program());
  return pid;
}

void Spawner::start_zygote() {
  auto [ours, theirs] = packet_sockets();
  const UniqueFd output = outputs_.open(outputs_.zygote());
  zygote_ = spawn_zygote(theirs.get(), output.get());
  outputs_.started(outputs_.zygote(), zygote_);
  socket_ = std::move(ours);
  answered_ = false;
  asked_ = 0;
  zygote_since_ = std::chrono::steady_clock::now();
  epoll_event event{};
  event.events = EPOLLIN;
  epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, socket_.get(), &event);
  for_room_ = false;
  news_.clear();
  for (const pid_t worker : living_) news_.push_back({worker, 1});
}

/// How it ended.
std::string Spawner::stop_zygote() {
  if (zygote_ == 0) return {};
  epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, socket_.get(), nullptr);
  socket_.reset();
  Death death;
  int status = 0;
  // Who has closed the socket by ending has a cause of its own; SIGKILL comes too late for it.
  kill(answered_ ? zygote_ : -zygote_, SIGKILL);  // a clone is in its group for a moment
  while (waitpid(zygote_, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFSIGNALED(status))
    death.signal = WTERMSIG(status);
  else
    death.exit_code = WEXITSTATUS(status);
  death.stderr_tail = outputs_.close(outputs_.zygote());
  zygote_ = 0;
  return sentence(program(), death);
}

void Spawner::start(Order&& order) {
  orders_.push_back(std::move(order));
  try {
    if (zygote_ == 0) start_zygote();
    ask();
  } catch (const std::exception& error) {
    give_up(error.what());
  }
}

// As much as there is room for; of more room its socket tells, and of its end.
void Spawner::ask() {
  const auto fits = [](const auto& send) {
    try {
      send();
      return true;
    } catch (const std::system_error& error) {
      const int why = error.code().value();
      if (why == EAGAIN || why == EPIPE || why == ECONNRESET) return false;
      throw;
    }
  };
  const auto tell = [this] { send_news(socket_.get(), news_.front()); };
  while (!news_.empty() && fits(tell)) news_.pop_front();
  const auto request = [this] {
    const Order& order = orders_[asked_];
    send_request(socket_.get(), order.request, order.claim_page.get(), order.output.get());
  };
  while (news_.empty() && asked_ < orders_.size() && fits(request)) ++asked_;
  watch(!news_.empty() || asked_ < orders_.size());
}

void Spawner::watch(bool for_room) {
  if (for_room == for_room_) return;
  for_room_ = for_room;
  epoll_event event{};
  event.events = EPOLLIN | (for_room ? EPOLLOUT : 0U);
  epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, socket_.get(), &event);
}

std::vector<Spawner::Answer> Spawner::read() {
  try {
    while (zygote_ != 0) {
      const auto pid = receive_pid(socket_.get());
      if (!pid) break;
      read_answer(*pid);
    }
    if (zygote_ != 0) ask();
  } catch (const std::system_error&) {
    on_zygote_gone();
  }
  return std::exchange(answers_, {});
}

void Spawner::read_answer(pid_t pid) {
  if (orders_.empty() || asked_ == 0) return;
  answered_ = true;
  if (pid < 0)
    answer_first({0, 0, "cannot start a worker: " + std::generic_category().message(-pid)});
  else
    answer_first({0, pid});
}

// What is left is asked of another one, which also watches over the workers that there are, unless
// this one has never done anything.
void Spawner::on_zygote_gone() {
  const std::string cause = stop_zygote();
  adopt_cloned();
  if (!answered_) return fail_all(cause);
  if (orders_.empty() && living_.empty()) return;
  try {
    start_zygote();
    ask();
  } catch (const std::exception& error) {
    give_up(error.what());
  }
}

// What it had cloned and did not live to tell of.
void Spawner::adopt_cloned() {
  while (!orders_.empty() && *orders_.front().pid != 0) {
    answer_first({0, orders_.front().pid->load()});
    answered_ = true;
  }
}

void Spawner::give_up(const std::string& cause) {
  stop_zygote();
  adopt_cloned();
  fail_all(cause);
}

void Spawner::gone(pid_t worker) {
  living_.erase(worker);
  if (zygote_ == 0) return;
  news_.push_back({worker, 0});
  try {
    ask();
  } catch (const std::system_error&) {
    // `start` and `read` find that out, and can do something about it.
  }
}

void Spawner::answer_first(Answer&& answer) {
  answer.worker = orders_.front().request.worker;
  if (answer.pid > 0) {
    setpgid(answer.pid, answer.pid);  // as the worker does; whoever is first
    living_.insert(answer.pid);
  }
  answers_.push_back(std::move(answer));
  orders_.pop_front();
  if (asked_ > 0) --asked_;
}

void Spawner::fail_all(const std::string& cause) {
  while (!orders_.empty()) answer_first({0, 0, cause});
}

}  // namespace flagship::pool
