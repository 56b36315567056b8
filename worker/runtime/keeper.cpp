// SPDX-License-Identifier: MIT
#include "worker/runtime/keeper.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>

namespace flagship::worker {
namespace {

constexpr int kSupervisorGone = SIGHUP;

sigset_t only(int signal) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, signal);
  return set;
}

}  // namespace

Keeper::Keeper(pid_t supervisor) : supervisor_(supervisor) {
  const sigset_t set = only(kSupervisorGone);
  sigprocmask(SIG_BLOCK, &set, nullptr);
  signals_.reset(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signals_)
    throw std::system_error(errno, std::generic_category(), "cannot wait for a signal");
  prctl(PR_SET_PDEATHSIG, kSupervisorGone);
}

bool Keeper::orphaned() const { return getppid() != supervisor_; }

// The end of the socket alone is no sign: what the supervisor has forked may hold it.
bool Keeper::wait_for(int socket) const {
  std::array<pollfd, 2> sources{pollfd{signals_.get(), POLLIN, 0}, pollfd{socket, POLLIN, 0}};
  const nfds_t count = socket < 0 ? 1 : 2;
  while (!orphaned()) {
    if (poll(sources.data(), count, -1) < 0) continue;
    if (sources[1].revents != 0) return true;
    signalfd_siginfo somebodys{};
    [[maybe_unused]] const ssize_t got = read(signals_.get(), &somebodys, sizeof somebodys);
  }
  return false;
}

void Keeper::watch_over(pid_t worker) {
  if (worker > 0) workers_.insert(worker);
}

// A process that ends closes its descriptors first, and is somebody's parent a little longer.
void Keeper::outlive_supervisor() const {
  wait_for(-1);
  for (const pid_t worker : workers_) kill(-worker, SIGKILL);
}

void Keeper::leave_to_parent() {
  signals_.reset();
  const sigset_t set = only(kSupervisorGone);
  sigprocmask(SIG_UNBLOCK, &set, nullptr);
  workers_.clear();
}

}  // namespace flagship::worker
