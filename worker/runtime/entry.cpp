// SPDX-License-Identifier: MIT
#include "worker/runtime/entry.hpp"

#include <dirent.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <zmq.hpp>

#include "common/os/sanitizers.hpp"
#include "common/role.hpp"
#include "common/spawn_request.hpp"
#include "worker/agent/agent.hpp"
#include "worker/runtime/crash_report.hpp"
#include "worker/runtime/isolation.hpp"
#include "worker/runtime/keeper.hpp"
#include "worker/runtime/output.hpp"

extern char** environ;

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
/// page before it runs.
pid_t clone_for_supervisor(ClaimPage& page, unsigned long flags = 0, int* thread_id = nullptr) {
  flags |= CLONE_PARENT | CLONE_PARENT_SETTID | SIGCHLD;
  const long pid = syscall(SYS_clone, flags, nullptr, &page.pid(), thread_id, 0);
  return pid < 0 ? -errno : static_cast<pid_t>(pid);
}

/// Where the C library keeps the thread's id, and must find that of a clone; null: nobody knows.
int* place_of_thread_id() {
  int* place = nullptr;
  return prctl(PR_GET_TID_ADDRESS, &place) == 0 && place != nullptr && *place == getpid() ? place
                                                                                          : nullptr;
}

/// One that goes on as it is would lack the threads that its program has begun before main reached
/// flagship::init. A sanitizer's runtime does not survive being cloned behind its back.
bool cloneable() { return !kSanitized && single_threaded() && place_of_thread_id() != nullptr; }

/// A worker that is this program, loaded and linked.
pid_t clone_worker(const Arguments& arguments, Keeper& keeper, ReceivedRequest&& received,
                   Runner runner) {
  ClaimPage page = ClaimPage::map(received.claim_page.get(), received.request.places);
  received.claim_page.reset();
  const pid_t pid =
      clone_for_supervisor(page, CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID, place_of_thread_id());
  if (pid != 0) return pid;
  close(kSpawnSocket);
  keeper.leave_to_parent();
  work(arguments, std::move(received), std::move(page), runner, true);
}

/// A worker that is this program run again, and finds its request in a socket.
pid_t start_worker_anew(const Arguments& arguments, const ReceivedRequest& received) {
  ClaimPage page = ClaimPage::map(received.claim_page.get(), received.request.places);
  const auto [ours, theirs] = packet_sockets();
  send_request(ours.get(), received.request, received.claim_page.get(), received.output.get());
  std::string flag = kWorkerFlag;
  const std::array<char*, 4> argv{arguments.values[0], flag.data(), arguments.values[2], nullptr};
  const pid_t pid = clone_for_supervisor(page);
  if (pid != 0) return pid;
  // Other threads may have held any lock when this one was cloned: system calls only.
  setpgid(0, 0);
  die_with(received.request.supervisor);
  dup2(theirs.get(), kSpawnSocket);
  dup2(received.output.get(), STDOUT_FILENO);
  dup2(received.output.get(), STDERR_FILENO);
  closefrom(kSpawnSocket + 1);
  execve("/proc/self/exe", argv.data(), environ);
  _exit(kBroken);
}

void hear(Keeper& keeper, const WorkerNews& news) {
  if (news.lives != 0)
    keeper.watch_over(news.pid);
  else
    keeper.forget(news.pid);
}

/// Its pid, or a negative errno.
pid_t start_worker(const Arguments& arguments, Keeper& keeper, ReceivedRequest&& received,
                   Runner runner, bool by_cloning) try {
  return by_cloning ? clone_worker(arguments, keeper, std::move(received), runner)
                    : start_worker_anew(arguments, received);
} catch (const std::system_error& error) {
  return -error.code().value();
}

/// False: the supervisor is gone. One that starts hundreds at once reads answers when it has asked
/// for all of them.
bool answer(const Keeper& keeper, pid_t pid) {
  for (;;) {
    try {
      send_pid(kSpawnSocket, pid);
      return true;
    } catch (const std::system_error& error) {
      if (error.code().value() != EAGAIN) throw;
    }
    if (!keeper.wait_for(kSpawnSocket, POLLOUT)) return false;
  }
}

/// What each clone would do for itself. A first context of libzmq asks the system for the protocol
/// pgm, and glibc looks for libraries that know it, in fifty places.
void warm_up(Preparation prepare) try {
  const zmq::context_t of_nobody;
  if (prepare != nullptr) prepare();
} catch (const std::exception&) {
  // The worker that meets it again can say so.
}

/// Returns when the supervisor is gone.
void start_workers(const Arguments& arguments, Keeper& keeper, Runner runner,
                   Preparation prepare) try {
  if (cloneable()) warm_up(prepare);
  const bool by_cloning = cloneable();
  ReceivedRequest received;
  while (keeper.wait_for(kSpawnSocket) && receive_request(kSpawnSocket, received)) {
    if (received.news.pid != 0) {
      hear(keeper, std::exchange(received, {}).news);
      continue;
    }
    const pid_t pid =
        start_worker(arguments, keeper, std::exchange(received, {}), runner, by_cloning);
    keeper.watch_over(pid);
    if (!answer(keeper, pid)) return;
  }
} catch (const std::exception&) {
}

/// What a supervisor that is gone has said last.
void hear_the_rest(Keeper& keeper) try {
  shutdown(kSpawnSocket, SHUT_RD);  // or a process that it has forked could hold the end back
  for (ReceivedRequest received; receive_request(kSpawnSocket, received); received = {})
    if (received.news.pid != 0) hear(keeper, received.news);
} catch (const std::exception&) {
}

[[noreturn]] void be_zygote(const Arguments& arguments, pid_t supervisor, Runner runner,
                            Preparation prepare) {
  std::fflush(nullptr);  // or every clone would print it
  try {
    Keeper keeper(supervisor);
    prctl(PR_SET_NAME, "flagship-zygote");
    start_workers(arguments, keeper, runner, prepare);
    keeper.wait_for(-1);
    hear_the_rest(keeper);
    keeper.end_what_is_left();
  } catch (const std::exception&) {
    // There is nothing to keep yet.
  }
  _exit(EXIT_SUCCESS);
}

[[noreturn]] void be_only_worker(const Arguments& arguments, Runner runner) {
  ReceivedRequest received;
  ClaimPage page;
  try {
    if (!receive_request(kSpawnSocket, received) || received.news.pid != 0) _exit(kBroken);
    page = ClaimPage::map(received.claim_page.get(), received.request.places);
  } catch (const std::exception&) {
    _exit(kBroken);
  }
  close(kSpawnSocket);
  received.claim_page.reset();
  work(arguments, std::move(received), std::move(page), runner, single_threaded());
}

}  // namespace

void enter_if_started_by_supervisor(int argc, char** argv, Runner runner, Preparation prepare) {
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
  if (zygote) be_zygote(arguments, supervisor, runner, prepare);
  be_only_worker(arguments, runner);
}

}  // namespace flagship::worker
