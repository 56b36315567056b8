// SPDX-License-Identifier: MIT
// A worker program that its supervisor starts as zygote: it clones one worker, which does nothing,
// and ends before it can tell. Started again, and told of that worker, it stays.
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdlib>

#include "common/claim.hpp"
#include "common/spawn_request.hpp"

namespace {

using namespace flagship;

[[noreturn]] void wait_for_the_end() {
  for (;;) pause();
}

void clone_worker(const ReceivedRequest& received) {
  const ClaimPage page = ClaimPage::map(received.claim_page.get(), received.request.places);
  const unsigned long flags = CLONE_PARENT | CLONE_PARENT_SETTID | SIGCHLD;
  if (syscall(SYS_clone, flags, nullptr, &page.pid(), nullptr, 0) == 0) {
    close(kSpawnSocket);
    wait_for_the_end();
  }
}

}  // namespace

int main(int argc, char**) {
  if (argc != 3) return 2;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  ReceivedRequest received;
  while (receive_request(kSpawnSocket, received)) {
    if (received.news.pid == 0) {
      clone_worker(received);
      return EXIT_SUCCESS;
    }
    prctl(PR_SET_NAME, "flagship-zygote");
  }
}
