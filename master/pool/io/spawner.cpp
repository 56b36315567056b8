// SPDX-License-Identifier: MIT
#include "master/pool/io/spawner.hpp"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "common/os/sanitizers.hpp"

extern char** environ;

namespace flagship::pool {
namespace {

// A sanitizer's runtime does not survive being cloned behind its back.
constexpr bool kCloneable = !kSanitized;
constexpr timeval kZygoteAnswerLimit{10, 0};
// argv[0]: room for the title that a worker shows in ps.
const std::string kTitle = "flagship-worker" + std::string(48, ' ');

class FileActions {
 public:
  FileActions() { posix_spawn_file_actions_init(&actions_); }
  ~FileActions() { posix_spawn_file_actions_destroy(&actions_); }
  FileActions(const FileActions&) = delete;
  FileActions& operator=(const FileActions&) = delete;
  posix_spawn_file_actions_t* get() { return &actions_; }

 private:
  posix_spawn_file_actions_t actions_;
};

class Attributes {
 public:
  Attributes() { posix_spawnattr_init(&attributes_); }
  ~Attributes() { posix_spawnattr_destroy(&attributes_); }
  Attributes(const Attributes&) = delete;
  Attributes& operator=(const Attributes&) = delete;
  posix_spawnattr_t* get() { return &attributes_; }

 private:
  posix_spawnattr_t attributes_;
};

std::pair<UniqueFd, UniqueFd> packet_sockets() {
  std::array<int, 2> fds{};
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds.data()) != 0)
    throw std::system_error(errno, std::generic_category(), "cannot make a socket for a worker");
  return {UniqueFd(fds[0]), UniqueFd(fds[1])};
}

}  // namespace

Spawner::Spawner(std::string executable)
    : executable_(std::move(executable)), cloning_(kCloneable) {}

Spawner::~Spawner() { stop_zygote(); }

std::string Spawner::program() const {
  return executable_.empty() ? "this executable" : "'" + executable_ + "'";
}

// Nothing is inherited but the socket and stderr, for what goes wrong before a worker has its own
// output; stdout is for results.
pid_t Spawner::spawn(const char* flag, int socket) {
  FileActions files;
  posix_spawn_file_actions_addopen(files.get(), STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(files.get(), STDERR_FILENO, STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(files.get(), socket, kSpawnSocket);
  posix_spawn_file_actions_addclosefrom_np(files.get(), kSpawnSocket + 1);
  Attributes attributes;
  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(attributes.get(), &none);
  posix_spawnattr_setsigdefault(attributes.get(), &all);
  posix_spawnattr_setpgroup(attributes.get(), 0);
  posix_spawnattr_setflags(attributes.get(),
                           POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  std::string title = kTitle;
  std::string flag_text = flag;
  std::string supervisor = std::to_string(getpid());
  const std::array<char*, 4> argv{title.data(), flag_text.data(), supervisor.data(), nullptr};
  const char* const path = executable_.empty() ? "/proc/self/exe" : executable_.c_str();
  pid_t pid = 0;
  if (const int error =
          posix_spawn(&pid, path, files.get(), attributes.get(), argv.data(), environ);
      error != 0)
    throw std::system_error(error, std::generic_category(),
                            "cannot start the worker program " + program());
  return pid;
}

std::string Spawner::file() const {
  if (zygote_ != 0) return "/proc/" + std::to_string(zygote_) + "/exe";
  return executable_.empty() ? "/proc/self/exe" : executable_;
}

void Spawner::warm_up() {
  if (cloning_ && zygote_ == 0) start_zygote();
}

pid_t Spawner::start(const SpawnRequest& request, int claim_page, int output) {
  if (!cloning_) return start_by_exec(request, claim_page, output);
  const bool fresh = zygote_ == 0;
  try {
    return start_by_clone(request, claim_page, output);
  } catch (const std::system_error&) {
    stop_zygote();
    if (fresh) throw;
  }
  return start_by_clone(request, claim_page, output);  // it died meanwhile: one more
}

void Spawner::start_zygote() {
  auto [ours, theirs] = packet_sockets();
  setsockopt(ours.get(), SOL_SOCKET, SO_RCVTIMEO, &kZygoteAnswerLimit, sizeof kZygoteAnswerLimit);
  zygote_ = spawn(kZygoteFlag, theirs.get());
  socket_ = std::move(ours);
}

void Spawner::stop_zygote() {
  if (zygote_ == 0) return;
  socket_.reset();
  kill(zygote_, SIGKILL);
  while (waitpid(zygote_, nullptr, 0) < 0 && errno == EINTR) {
  }
  zygote_ = 0;
}

pid_t Spawner::start_by_clone(const SpawnRequest& request, int claim_page, int output) {
  if (zygote_ == 0) start_zygote();
  pid_t pid = 0;
  try {
    send_request(socket_.get(), request, claim_page, output);
    pid = receive_pid(socket_.get());
  } catch (const std::system_error& error) {
    throw std::system_error(error.code(),
                            "the worker program " + program() +
                                " ended or does not answer; does its main call flagship::init? (" +
                                error.what() + ")");
  }
  if (pid == -ENOTSUP) {  // it runs threads before main has reached flagship::init: a clone would
                          // lack them
    cloning_ = false;
    stop_zygote();
    return start_by_exec(request, claim_page, output);
  }
  if (pid < 0)
    throw std::runtime_error("cannot clone a worker: " + std::generic_category().message(-pid));
  setpgid(pid, pid);  // the worker does the same; whoever is first
  return pid;
}

pid_t Spawner::start_by_exec(const SpawnRequest& request, int claim_page, int output) {
  auto [ours, theirs] = packet_sockets();
  const pid_t pid = spawn(kWorkerFlag, theirs.get());
  theirs.reset();
  try {
    send_request(ours.get(), request, claim_page, output);
  } catch (const std::system_error&) {
    // It has ended already; that is seen by its pidfd.
  }
  return pid;
}

}  // namespace flagship::pool
