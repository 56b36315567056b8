// SPDX-License-Identifier: MIT
#include "tests/support/program.hpp"

#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <spawn.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <fstream>
#include <iterator>
#include <system_error>
#include <utility>

extern char** environ;

namespace flagship::testing {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail(const char* what, int error = errno) {
  throw std::system_error(error, std::generic_category(), what);
}

void close_fd(int& fd) {
  if (fd >= 0) ::close(fd);
  fd = -1;
}

struct Pipe {
  int read_end = -1;
  int write_end = -1;
  Pipe() {
    std::array<int, 2> fds{};
    if (pipe2(fds.data(), O_CLOEXEC) != 0) fail("pipe2");
    read_end = fds[0];
    write_end = fds[1];
  }
};

std::vector<std::string> environment_of(const Command& command) {
  std::map<std::string, std::string> variables;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    const std::size_t equals = text.find('=');
    variables[text.substr(0, equals)] = text.substr(equals + 1);
  }
  for (const std::string& name : command.unset) variables.erase(name);
  for (const auto& [name, value] : command.env) variables[name] = value;
  std::vector<std::string> lines;
  for (const auto& [name, value] : variables) lines.push_back(name + "=" + value);
  return lines;
}

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

bool write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

/// What /proc/PID/stat says; nothing when there is no such process.
struct Stat {
  char state = 'X';
  pid_t parent = 0;
  pid_t session = 0;
  std::string name;
};

std::optional<Stat> stat_of(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string line;
  if (!std::getline(file, line)) return std::nullopt;
  const std::size_t open = line.find('('), close = line.rfind(')');
  Stat stat;
  stat.name = line.substr(open + 1, close - open - 1);
  pid_t group = 0;
  std::istringstream rest(line.substr(close + 1));
  rest >> stat.state >> stat.parent >> group >> stat.session;
  return stat;
}

void kill_session(pid_t session) {
  wait_until([session] {
    const auto left = Program::processes_of(session);
    for (const Program::Process& process : left) ::kill(process.pid, SIGKILL);
    return left.empty();
  });
}

}  // namespace

bool wait_until(const std::function<bool()>& condition) {
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return true;
}

TempFolder::TempFolder() {
  std::string name = fs::temp_directory_path() / "ft-XXXXXX";
  if (mkdtemp(name.data()) == nullptr) fail("mkdtemp");
  path_ = name;
}

TempFolder::~TempFolder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

void write_file(const fs::path& path, std::string_view bytes) {
  std::ofstream file(path, std::ios::binary);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  file.close();
  if (!file) throw std::runtime_error("cannot write " + path.string());
}

std::string read_file(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("cannot read " + path.string());
  return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<std::string> names_in(const fs::path& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    names.push_back(entry->path().filename());
  }
  std::sort(names.begin(), names.end());
  return names;
}

Program::Program(Command command) {
  static const auto ignored = ::signal(SIGPIPE, SIG_IGN);
  static_cast<void>(ignored);
  Pipe in, out, err;
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  if (command.terminal) {
    int slave = -1;
    std::array<char, 64> name{};
    if (openpty(&terminal_, &slave, name.data(), nullptr, nullptr) != 0) fail("openpty");
    ::close(slave);
    fcntl(terminal_, F_SETFD, FD_CLOEXEC);
    // A session's first terminal becomes the one that controls it.
    posix_spawn_file_actions_addopen(&files, 0, name.data(), O_RDWR, 0);
    posix_spawn_file_actions_adddup2(&files, 0, 2);
  } else {
    posix_spawn_file_actions_adddup2(&files, in.read_end, 0);
    posix_spawn_file_actions_adddup2(&files, err.write_end, 2);
  }
  switch (command.output) {
    case Command::Output::captured:
      posix_spawn_file_actions_adddup2(&files, out.write_end, 1);
      break;
    case Command::Output::closed:
      posix_spawn_file_actions_addclose(&files, 1);
      break;
    case Command::Output::full:
      posix_spawn_file_actions_addopen(&files, 1, "/dev/full", O_WRONLY, 0);
      break;
  }
  if (!command.folder.empty()) {
    posix_spawn_file_actions_addchdir_np(&files, command.folder.c_str());
  }
  posix_spawn_file_actions_addclosefrom_np(&files, 3);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setflags(&attributes,
                           POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);

  std::vector<std::string> environment = environment_of(command);
  const std::vector<char*> argv = pointers_to(command.argv), envp = pointers_to(environment);
  const int error = posix_spawn(&pid_, argv[0], &files, &attributes, argv.data(), envp.data());
  posix_spawn_file_actions_destroy(&files);
  posix_spawnattr_destroy(&attributes);
  ::close(in.read_end);
  ::close(out.write_end);
  ::close(err.write_end);
  input_ = in.write_end;
  out_fd_ = out.read_end;
  err_fd_ = err.read_end;
  if (command.terminal) {
    ::close(err_fd_);
    err_fd_ = fcntl(terminal_, F_DUPFD_CLOEXEC, 3);
  }
  if (error != 0) {
    for (int* fd : {&input_, &out_fd_, &err_fd_, &terminal_}) close_fd(*fd);
    fail(command.argv[0].c_str(), error);
  }
  pidfd_ = static_cast<int>(syscall(SYS_pidfd_open, pid_, 0));
  stop_ = eventfd(0, EFD_CLOEXEC);
  reader_ = std::thread([this] { read_output(); });
  write_all(input_, command.input);
  if (!command.keep_input_open) close_input();
}

Program::~Program() {
  kill_session(pid_);
  if (!status_) waitpid(pid_, nullptr, 0);
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(stop_, &one, sizeof one);
  reader_.join();
  for (int* fd : {&input_, &out_fd_, &err_fd_, &terminal_, &pidfd_, &stop_}) close_fd(*fd);
}

void Program::signal(int signal) const {
  if (!status_) ::kill(pid_, signal);
}

void Program::type(std::string_view keys) const { write_all(terminal_, keys); }

bool Program::write_input(std::string_view bytes) const { return write_all(input_, bytes); }

void Program::close_input() { close_fd(input_); }

void Program::close_output() {
  std::unique_lock lock(mutex_);
  close_out_ = true;
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(stop_, &one, sizeof one);
  changed_.wait(lock, [this] { return out_fd_ < 0; });
}

std::string Program::out() const {
  const std::lock_guard lock(mutex_);
  return out_;
}

std::string Program::err() const {
  const std::lock_guard lock(mutex_);
  return err_;
}

bool Program::contains(const std::string& text, std::string_view wanted) const {
  const auto end = std::chrono::steady_clock::now() + kPatience;
  std::unique_lock lock(mutex_);
  const auto there = [&] { return text.find(wanted) != std::string::npos; };
  changed_.wait_until(lock, end, [&] { return there() || (out_fd_ < 0 && err_fd_ < 0); });
  return there();
}

bool Program::running() const {
  pollfd polled{pidfd_, POLLIN, 0};
  return !status_ && poll(&polled, 1, 0) == 0;
}

Ended Program::wait() {
  if (!status_) {
    pollfd polled{pidfd_, POLLIN, 0};
    const auto patience = std::chrono::duration_cast<std::chrono::milliseconds>(kPatience);
    if (poll(&polled, 1, static_cast<int>(patience.count())) == 0) ::kill(pid_, SIGKILL);
    int status = 0;
    while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    status_ = status;
  }
  // What it left running may hold its output open: what it wrote itself is there already.
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, std::chrono::seconds(5), [this] { return out_fd_ < 0 && err_fd_ < 0; });
  Ended ended;
  if (WIFEXITED(*status_)) ended.exit_code = WEXITSTATUS(*status_);
  if (WIFSIGNALED(*status_)) ended.signal = WTERMSIG(*status_);
  ended.out = out_;
  ended.err = err_;
  return ended;
}

std::vector<Program::Process> Program::processes_of(pid_t session) {
  std::vector<Process> found;
  std::error_code error;
  for (fs::directory_iterator entry("/proc", error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string name = entry->path().filename();
    pid_t pid = 0;
    const auto [rest, bad] = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (bad != std::errc() || *rest != '\0') continue;
    const auto stat = stat_of(pid);
    if (!stat || stat->session != session || stat->state == 'Z' || stat->state == 'X') continue;
    found.push_back({pid, stat->parent, stat->name});
  }
  return found;
}

std::vector<Program::Process> Program::workers() const {
  std::vector<Process> found = processes();
  std::erase_if(found, [](const Process& process) {
    return process.name.find("/worker-") == std::string::npos;
  });
  return found;
}

void Program::take(int& fd, std::string& text) {
  std::array<char, 64 * 1024> buffer;
  const ssize_t bytes = ::read(fd, buffer.data(), buffer.size());
  if (bytes < 0 && errno == EINTR) return;
  const std::lock_guard lock(mutex_);
  if (bytes > 0) {
    text.append(buffer.data(), static_cast<std::size_t>(bytes));
  } else {
    close_fd(fd);  // a terminal that nobody has open says EIO
  }
  changed_.notify_all();
}

void Program::read_output() {
  while (out_fd_ >= 0 || err_fd_ >= 0) {
    std::array<pollfd, 3> polled{{{out_fd_, POLLIN, 0}, {err_fd_, POLLIN, 0}, {stop_, POLLIN, 0}}};
    if (poll(polled.data(), polled.size(), -1) < 0) continue;
    if (polled[2].revents != 0) {
      const std::lock_guard lock(mutex_);
      if (!close_out_) break;
      close_out_ = false;
      std::uint64_t count = 0;
      [[maybe_unused]] const ssize_t got = ::read(stop_, &count, sizeof count);
      close_fd(out_fd_);
      changed_.notify_all();
      continue;
    }
    if (polled[0].revents != 0) take(out_fd_, out_);
    if (polled[1].revents != 0) take(err_fd_, err_);
  }
}

Ended run(Command command) { return Program(std::move(command)).wait(); }

}  // namespace flagship::testing
