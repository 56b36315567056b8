// SPDX-License-Identifier: MIT
#include "worker/runtime/keeper.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>

extern "C" {  // glibc 2.36's header forgets to say so
#include <sys/pidfd.h>
}

namespace flagship::worker {

// Until now the kernel kills this process with its supervisor. No signal takes that one's place:
// threads that were there before flagship::init would get it.
Keeper::Keeper(pid_t supervisor) : supervisor_(pidfd_open(supervisor, 0)) {
  if (!supervisor_ || getppid() != supervisor)
    throw std::system_error(errno, std::generic_category(), "cannot watch the supervisor");
  prctl(PR_SET_PDEATHSIG, 0);
}

// The end of the socket alone is no sign: what the supervisor has forked may hold it.
bool Keeper::wait_for(int socket, short events) const {
  std::array<pollfd, 2> sources{pollfd{supervisor_.get(), POLLIN, 0}, pollfd{socket, events, 0}};
  while (poll(sources.data(), sources.size(), -1) < 0) {
  }
  return sources[0].revents == 0;
}

void Keeper::watch_over(pid_t worker) {
  if (worker > 0) workers_.insert(worker);
}

void Keeper::end_what_is_left() const {
  for (const pid_t worker : workers_) kill(-worker, SIGKILL);
}

void Keeper::leave_to_parent() {
  supervisor_.reset();
  workers_.clear();
}

}  // namespace flagship::worker
