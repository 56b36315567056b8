// SPDX-License-Identifier: MIT
#include "worker/runtime/entry.hpp"

#include <dirent.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "common/role.hpp"
#include "common/spawn_request.hpp"
#include "worker/agent/agent.hpp"
#include "worker/runtime/crash_report.hpp"
#include "worker/runtime/isolation.hpp"
#include "worker/runtime/keeper.hpp"
#include "worker/runtime/output.hpp"

namespace flagship::worker {
namespace {

constexpr int kBroken = 70;  // exit code of a worker that could not go on

struct Arguments {
  int count;
  char** values;
};

/// Ends with its supervisor, however that ends. The signal is set first, then asked whether it came
/// too late.
void die_with(pid_t supervisor) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != supervisor) _exit(kBroken);
}

/// What ps shows: the thread's name, and the command line, which is as long as what it replaces.
void set_title(const Arguments& arguments, const SpawnRequest& request) {
  const std::string name = request.pool + "/worker-" + std::to_string(request.worker);
  prctl(PR_SET_NAME, name.substr(0, 15).c_str());
  const std::string title = "flagship: " + name;
  char* const begin = arguments.values[0];
  char* const last = arguments.values[arguments.count - 1];
  const std::size_t room = static_cast<std::size_t>(last + std::strlen(last) - begin);
  std::memset(begin, 0, room);
  std::memcpy(begin, title.data(), std::min(title.size(), room - 1));
}

/// Limits can only be lowered: what is asked for beyond the hard limit is the hard limit.
void apply(const std::vector<ResourceLimit>& limits) {
  for (const ResourceLimit& limit : limits) {
    const auto resource = static_cast<__rlimit_resource>(limit.resource);
    rlimit now{};
    getrlimit(resource, &now);
    const rlim_t most = std::min<rlim_t>(limit.most, now.rlim_max);
    const rlimit wanted{most, most};
    if (setrlimit(resource, &wanted) != 0)
      throw std::system_error(errno, std::generic_category(), "cannot set a resource limit");
  }
}

[[noreturn]] void work(const Arguments& arguments, ReceivedRequest&& received, ClaimPage&& claims,
                       Runner runner, bool alone) noexcept {
  setpgid(0, 0);
  die_with(received.request.supervisor);
  set_title(arguments, received.request);
  print_to(std::move(received.output));
  detail::set_role(detail::Role::worker);
  try {
    apply(received.request.limits);
    const auto isolation = isolate(received.request, alone);
    report_crashes_in(claims.crash_note());
    Session session(received.request, std::move(claims), isolation);
    runner(session);
    std::fflush(nullptr);
    _exit(EXIT_SUCCESS);  // static objects are the master's to destroy, not a clone's
  } catch (const std::exception& error) {
    std::fprintf(stderr, "flagship: worker %d cannot go on: %s\n", static_cast<int>(getpid()),
                 error.what());
  }
  std::fflush(nullptr);
  _exit(kBroken);
}

bool single_threaded() {
  DIR* const tasks = opendir("/proc/self/task");
  if (tasks == nullptr) return false;
  int threads = 0;
  while (const dirent* entry = readdir(tasks)) threads += entry->d_name[0] != '.' ? 1 : 0;
  closedir(tasks);
  return threads == 1;
}

/// Like fork, but the child is the supervisor's, who can then wait for it, and whose pid is in the
/// page before it runs. The C library keeps the thread's id where PR_GET_TID_ADDRESS says, and must
/// find the child's there.
pid_t clone_for_supervisor(ClaimPage& page) {
  int* thread_id = nullptr;
  if (prctl(PR_GET_TID_ADDRESS, &thread_id) != 0 || thread_id == nullptr || *thread_id != getpid())
    return -ENOTSUP;
  const unsigned long flags =
      CLONE_PARENT | CLONE_PARENT_SETTID | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID | SIGCHLD;
  const long pid = syscall(SYS_clone, flags, nullptr, &page.pid(), thread_id, 0);
  return pid < 0 ? -errno : static_cast<pid_t>(pid);
}

/// Returns when the supervisor is gone, or does not read: either way nobody waits for a message.
void clone_workers(const Arguments& arguments, Keeper& keeper, Runner runner) try {
  const bool cloneable = single_threaded();
  ReceivedRequest received;
  while (keeper.wait_for(kSpawnSocket) && receive_request(kSpawnSocket, received)) {
    if (received.gone != 0) {
      keeper.forget(std::exchange(received, {}).gone);
      continue;
    }
    ClaimPage page = ClaimPage::map(received.claim_page.get(), received.request.places);
    received.claim_page.reset();
    const pid_t pid = cloneable ? clone_for_supervisor(page) : -ENOTSUP;
    if (pid == 0) {
      close(kSpawnSocket);
      keeper.leave_to_parent();
      work(arguments, std::move(received), std::move(page), runner, true);
    }
    received = {};
    keeper.watch_over(pid);
    send_pid(kSpawnSocket, pid);
  }
} catch (const std::exception&) {
}

[[noreturn]] void be_zygote(const Arguments& arguments, pid_t supervisor, Runner runner) {
  prctl(PR_SET_NAME, "flagship-zygote");
  std::fflush(nullptr);  // or every clone would print it
  try {
    Keeper keeper(supervisor);
    clone_workers(arguments, keeper, runner);
    keeper.outlive_supervisor();
  } catch (const std::exception&) {
    // There is nothing to keep yet.
  }
  _exit(EXIT_SUCCESS);
}

[[noreturn]] void be_only_worker(const Arguments& arguments, Runner runner) {
  ReceivedRequest received;
  ClaimPage page;
  try {
    if (!receive_request(kSpawnSocket, received) || received.gone != 0) _exit(kBroken);
    page = ClaimPage::map(received.claim_page.get(), received.request.places);
  } catch (const std::exception&) {
    _exit(kBroken);
  }
  close(kSpawnSocket);
  received.claim_page.reset();
  work(arguments, std::move(received), std::move(page), runner, single_threaded());
}

}  // namespace

void enter_if_started_by_supervisor(int argc, char** argv, Runner runner) {
  const std::string_view flag = argc > 1 ? argv[1] : "";
  if (argc == 2 && flag == kAgentFlag) be_agent();
  if (argc == 4 && flag == kJoinFlag) be_joining_agent(argv[2], std::atoi(argv[3]));
  if (argc != 3) return;
  const bool zygote = flag == kZygoteFlag;
  if (!zygote && flag != kWorkerFlag) return;
  const auto supervisor = static_cast<pid_t>(std::atoi(argv[2]));
  die_with(supervisor);
  prepare_crash_reports();
  const Arguments arguments{argc, argv};
  if (zygote) be_zygote(arguments, supervisor, runner);
  be_only_worker(arguments, runner);
}

}  // namespace flagship::worker
