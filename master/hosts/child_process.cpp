// SPDX-License-Identifier: MIT
#include "master/hosts/child_process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

#include "common/os/spawn_settings.hpp"

extern "C" {  // glibc 2.36's header forgets to say so
#include <sys/pidfd.h>
}

extern char** environ;

namespace flagship::hosts {
namespace {

constexpr std::size_t kAtOnce = 64 * 1024;
constexpr int kTimesAtOnce = 16;  // before others get their turn

[[noreturn]] void fail(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

struct Ends {
  UniqueFd ours;
  UniqueFd theirs;
};

// Never one of the three that it becomes in the child: that is done one by one there.
UniqueFd above_streams(int fd) {
  UniqueFd owned(fd);
  if (fd > STDERR_FILENO) return owned;
  UniqueFd moved(fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1));
  if (!moved) fail("cannot make a pipe for a program");
  return moved;
}

// A socket, since writing to a pipe that nobody reads raises SIGPIPE.
Ends input_ends() {
  std::array<int, 2> fds{};
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds.data()) != 0)
    fail("cannot make a socket for a program");
  Ends ends{UniqueFd(fds[0]), {}};
  ends.theirs = above_streams(fds[1]);
  return ends;
}

Ends output_ends() {
  std::array<int, 2> fds{};
  if (pipe2(fds.data(), O_CLOEXEC) != 0) fail("cannot make a pipe for a program");
  Ends ends{UniqueFd(fds[0]), {}};
  ends.theirs = above_streams(fds[1]);
  fcntl(ends.ours.get(), F_SETFL, O_NONBLOCK);  // ours only
  return ends;
}

}  // namespace

ChildProcess::ChildProcess(const std::vector<std::string>& command, int epoll, std::uint64_t key) {
  Ends input = input_ends(), output = output_ends(), errors = output_ends();
  spawn(command, {input.theirs.get(), output.theirs.get(), errors.theirs.get()});
  try {
    pidfd_ = WatchedFd(epoll, UniqueFd(pidfd_open(pid_, 0)), EPOLLIN, key);
    input_ = WatchedFd(epoll, std::move(input.ours), 0, key);
    output_ = WatchedFd(epoll, std::move(output.ours), EPOLLIN, key);
    errors_ = WatchedFd(epoll, std::move(errors.ours), EPOLLIN, key);
  } catch (...) {
    signal(SIGKILL);
    waitpid(pid_, nullptr, 0);
    throw;
  }
}

ChildProcess::~ChildProcess() {
  if (ended_) return;
  signal(SIGKILL);
  while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

void ChildProcess::spawn(const std::vector<std::string>& command,
                         const std::array<int, 3>& streams) {
  SpawnFiles files;
  for (int stream = 0; const int end : streams)
    posix_spawn_file_actions_adddup2(files.get(), end, stream++);
  posix_spawn_file_actions_addclosefrom_np(files.get(), STDERR_FILENO + 1);
  const SpawnAttributes attributes;
  std::vector<std::string> words = command;
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  const int error =
      posix_spawnp(&pid_, argv[0], files.get(), attributes.get(), argv.data(), environ);
  if (error != 0)
    throw std::system_error(error, std::generic_category(), "cannot start '" + command[0] + "'");
}

void ChildProcess::send(std::string text) {
  const std::size_t size = text.size();
  enqueue({std::move(text), -1, 0, size});
}

void ChildProcess::send_file(int file, std::size_t size) { enqueue({{}, file, 0, size}); }

void ChildProcess::enqueue(Input input) {
  if (!input_) return;
  unsent_.push_back(std::move(input));
  write();
}

void ChildProcess::close_input() {
  unsent_.clear();
  input_.reset();
}

void ChildProcess::signal(int signal) const {
  if (!ended_) kill(pid_, signal);
}

void ChildProcess::signal_group(int signal) const {
  if (!ended_) kill(-pid_, signal);
}

void ChildProcess::write() {
  for (int times = 0; times < kTimesAtOnce && !unsent_.empty(); ++times) {
    if (!write_some(unsent_.front())) break;
    if (unsent_.front().sent == unsent_.front().size) unsent_.pop_front();
  }
  if (input_) input_.watch(unsent_.empty() ? 0u : EPOLLOUT);
}

// False: not now. When nobody reads it, or the file has become shorter, it is closed.
bool ChildProcess::write_some(Input& input) {
  std::array<char, kAtOnce> buffer;
  const char* bytes = input.text.data() + input.sent;
  std::size_t size = std::min(input.size - input.sent, kAtOnce);
  if (input.file >= 0) {
    const ssize_t got = pread(input.file, buffer.data(), size, static_cast<off_t>(input.sent));
    if (got <= 0) {
      close_input();
      return false;
    }
    bytes = buffer.data();
    size = static_cast<std::size_t>(got);
  }
  const ssize_t sent = ::send(input_.get(), bytes, size, MSG_NOSIGNAL | MSG_DONTWAIT);
  if (sent < 0) {
    if (errno != EAGAIN && errno != EINTR) close_input();
    return false;
  }
  input.sent += static_cast<std::size_t>(sent);
  return true;
}

void ChildProcess::read(WatchedFd& pipe, pool::LineCutter& cutter, std::string& lines) {
  std::array<char, kAtOnce> buffer;
  for (int times = 0; times < kTimesAtOnce && pipe; ++times) {
    const ssize_t got = ::read(pipe.get(), buffer.data(), buffer.size());
    if (got < 0) return;
    if (got == 0) return pipe.reset();
    cutter.add({buffer.data(), static_cast<std::size_t>(got)}, lines);
  }
}

void ChildProcess::read_all(std::string& lines) {
  read(output_, output_cutter_, lines);
  std::string errors;
  read(errors_, error_cutter_, errors);
  if (ended_) {  // what it has started may hold them open for ever
    output_cutter_.end(lines);
    error_cutter_.end(errors);
  }
  tail_.add(errors);
}

void ChildProcess::advance(std::string& lines) {
  if (ended_) return;
  if (!reap()) {
    write();
    return read_all(lines);
  }
  read_all(lines);  // all that it has said is there now
  ended_->stderr_tail = tail_.text();
  close_input();
  for (WatchedFd* fd : {&output_, &errors_, &pidfd_}) fd->reset();
}

bool ChildProcess::reap() {
  int status = 0;
  const pid_t got = waitpid(pid_, &status, WNOHANG);
  if (got == 0 || (got < 0 && errno == EINTR)) return false;
  Death death;
  death.pid = pid_;
  if (got < 0)
    death.exit_code = -1;  // the program around us has waited for it, or ignores SIGCHLD
  else if (WIFSIGNALED(status))
    death.signal = WTERMSIG(status);
  else
    death.exit_code = WEXITSTATUS(status);
  ended_ = std::move(death);
  return true;
}

void ChildProcess::note(std::string_view line) { tail_.add(std::string(line) + '\n'); }

bool ChildProcess::wait_until(std::chrono::steady_clock::time_point time) const {
  if (ended_) return true;
  const auto left =
      std::chrono::ceil<std::chrono::milliseconds>(time - std::chrono::steady_clock::now());
  pollfd end{pidfd_.get(), POLLIN, 0};
  return poll(&end, 1, static_cast<int>(std::max<std::int64_t>(left.count(), 0))) > 0;
}

}  // namespace flagship::hosts
