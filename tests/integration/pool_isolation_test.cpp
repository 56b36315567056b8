// SPDX-License-Identifier: MIT
// Tasks that mean harm: what their workers are kept from, and that nobody else notices.
#include <arpa/inet.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <flagship/flagship.hpp>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "tests/support/census.hpp"
#include "tests/support/gate.hpp"
#include "tests/support/patience.hpp"

namespace {

using namespace flagship;
using namespace flagship::test;
using namespace std::chrono_literals;

constexpr uid_t kNobody = 65534;

// ---- tasks: each returns 0 when it came through, else errno -------------------------------------

int error_of(long result) { return result < 0 ? errno : 0; }

int twice(int x) { return 2 * x; }
int write_file(const std::string& path) {
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  const int error = error_of(fd);
  if (fd >= 0) close(fd);
  return error;
}
int truncate_file(const std::string& path) { return error_of(truncate(path.c_str(), 0)); }
int remove_file(const std::string& path) { return error_of(unlink(path.c_str())); }
int rename_file(const std::string& from, const std::string& to) {
  return error_of(std::rename(from.c_str(), to.c_str()));
}
std::string read_file(const std::string& path) {
  std::string line;
  std::getline(std::ifstream(path), line);
  return line;
}
int bind_tcp() {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in any{};
  any.sin_family = AF_INET;
  any.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int error = error_of(bind(fd, reinterpret_cast<const sockaddr*>(&any), sizeof any));
  close(fd);
  return error;
}
int connect_tcp(int port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in there{};
  there.sin_family = AF_INET;
  there.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  there.sin_port = htons(static_cast<std::uint16_t>(port));
  const int error = error_of(connect(fd, reinterpret_cast<const sockaddr*>(&there), sizeof there));
  close(fd);
  return error;
}

int send_signal(pid_t to) { return error_of(kill(to, SIGKILL)); }
int send_signal_to_group(pid_t group) { return error_of(kill(-group, SIGKILL)); }
int send_signal_by_pidfd(pid_t to) {
  const int fd = static_cast<int>(syscall(SYS_pidfd_open, to, 0));
  const int error = fd < 0 ? errno : error_of(syscall(SYS_pidfd_send_signal, fd, SIGKILL, 0, 0));
  if (fd >= 0) close(fd);
  return error;
}
int send_signal_as_owner(pid_t to) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) return 0;
  const int error = error_of(fcntl(ends[0], F_SETOWN, to));
  close(ends[0]);
  close(ends[1]);
  return error;
}
int lower_limit(pid_t of) {
  const rlimit none{0, 0};
  return error_of(prlimit(of, RLIMIT_CPU, &none, nullptr));
}
int trace(pid_t which) { return error_of(ptrace(PTRACE_SEIZE, which, nullptr, nullptr)); }
int open_memory(pid_t of) {
  const int fd = open(("/proc/" + std::to_string(of) + "/mem").c_str(), O_RDONLY | O_CLOEXEC);
  const int error = error_of(fd);
  if (fd >= 0) close(fd);
  return error;
}
int new_namespace() {
  const pid_t child = fork();
  if (child == 0) _exit(error_of(unshare(CLONE_NEWUSER)));
  int status = 0;
  waitpid(child, &status, 0);
  return WEXITSTATUS(status);
}
/// Its own signals, children and threads are its own.
int live_normally() {
  const auto previous = signal(SIGUSR1, SIG_IGN);
  const int raised = raise(SIGUSR1);
  signal(SIGUSR1, previous);
  const pid_t child = fork();
  if (child == 0) _exit(7);
  int status = 0;
  waitpid(child, &status, 0);
  int doubled = 0;
  std::thread([&] { doubled = twice(4); }).join();
  return raised == 0 && WEXITSTATUS(status) == 7 && doubled == 8 ? 0 : 1;
}
void abort_at_once() { std::abort(); }
int no_new_privs() { return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0); }

/// How high the limit is after trying to raise it.
std::uint64_t raise_limit(int resource) {
  rlimit limit{RLIM_INFINITY, RLIM_INFINITY};
  const auto which = static_cast<__rlimit_resource>(resource);
  setrlimit(which, &limit);
  getrlimit(which, &limit);
  return limit.rlim_max;
}
/// Root is not held by limits: as anybody else.
bool drop_root() { return geteuid() != 0 || (setgid(kNobody) == 0 && setuid(kNobody) == 0); }
std::uint64_t raise_limit_as_anybody(int resource) {
  return drop_root() ? raise_limit(resource) : 0;
}
/// Children that it got before it was refused; they end with it.
int fork_bomb() {
  if (!drop_root()) return -1;
  for (int children = 0; children < 100'000; ++children) {
    const pid_t child = fork();
    if (child < 0) return errno == EAGAIN ? children : -1;
    if (child == 0) pause();
  }
  return -1;
}
std::size_t eat_memory() {
  std::vector<std::string> eaten;
  for (;;) eaten.emplace_back(std::size_t{16} << 20, 'x');
  return eaten.size();
}
int open_files_without_end() {
  std::vector<int> open_ones;
  int fd = 0;
  while ((fd = dup(0)) >= 0) open_ones.push_back(fd);
  const int error = errno;
  for (const int each : open_ones) close(each);
  return error;
}
void spin_for_ever() {
  for (std::atomic<int> i{0};; ++i) {
  }
}

// ---- a pool and a look at its workers -----------------------------------------------------------

std::map<std::string, IsolationLayer> layers_of(const ProcessPoolExecutor& pool) {
  std::map<std::string, IsolationLayer> layers;
  const PoolStatus status = pool.status();
  for (const WorkerStatus& worker : status.workers)
    for (const IsolationLayer& layer : worker.isolation) layers[layer.name] = layer;
  return layers;
}

/// A pool of one evil worker, and another worker that is to come to no harm by it.
class Hostile : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(victims_.submit<twice>(1).result(kPatience), 2);
    victim_ = victims_.status().workers.at(0).pid;
  }
  void TearDown() override {
    if (!HasFatalFailure() && !IsSkipped()) {
      EXPECT_EQ(victims_.submit<twice>(2).result(kPatience), 4);
      EXPECT_EQ(victims_.status().workers.at(0).pid, victim_) << "it is still the same one";
      EXPECT_EQ(victims_.status().deaths, 0u);
    }
  }

  /// False: this system does not have the layer, and says so.
  bool start(Isolation isolation, const std::string& layer) {
    pool_.emplace(PoolOptions{.max_workers = 1, .isolation = std::move(isolation)});
    EXPECT_EQ(pool_->submit<twice>(1).result(kPatience), 2);
    const IsolationLayer found = layers_of(*pool_)[layer];
    if (found.state == LayerState::on) return true;
    EXPECT_EQ(found.state, LayerState::unavailable);
    EXPECT_NE(found.detail, "");
    why_not_ = layer + " is unavailable: " + found.detail;
    return false;
  }
  template <auto F, class... A>
  int run(A... arguments) {
    return pool_->submit<F>(arguments...).result(kPatience);
  }
  bool holds_back(const std::string& what) {
    return layers_of(*pool_)["landlock"].detail.find(what) == std::string::npos;
  }

  ProcessPoolExecutor victims_{PoolOptions{.max_workers = 1}};
  std::optional<ProcessPoolExecutor> pool_;
  pid_t victim_ = 0;
  std::string why_not_;
};

// ---- files and ports ----------------------------------------------------------------------------

TEST_F(Hostile, writes_beneath_its_folders_only) {
  const Folder inside, outside;
  std::ofstream(outside.path("kept")) << "kept";
  if (!start({.writable = {{inside.path(".")}}}, "landlock")) GTEST_SKIP() << why_not_;
  EXPECT_EQ(run<write_file>(inside.path("new")), 0);
  EXPECT_EQ(run<rename_file>(inside.path("new"), inside.path("renamed")), 0);
  EXPECT_EQ(run<write_file>(std::string("/dev/null")), 0);
  EXPECT_EQ(run<write_file>(outside.path("new")), EACCES);
  EXPECT_EQ(run<write_file>(outside.path("kept")), EACCES);
  EXPECT_EQ(run<write_file>(inside.path("../escaped")), EACCES);
  EXPECT_EQ(run<remove_file>(outside.path("kept")), EACCES);
  EXPECT_NE(run<rename_file>(inside.path("renamed"), outside.path("moved")), 0);
  EXPECT_NE(run<rename_file>(outside.path("kept"), inside.path("taken")), 0);
  if (holds_back("truncation")) {
    EXPECT_EQ(run<truncate_file>(outside.path("kept")), EACCES);
  }
  EXPECT_EQ(pool_->submit<read_file>(outside.path("kept")).result(kPatience), "kept");
  EXPECT_NE(access(outside.path("new").c_str(), F_OK), 0);
  EXPECT_EQ(access(inside.path("renamed").c_str(), F_OK), 0);
}

TEST_F(Hostile, writes_nowhere_when_no_folder_is_named) {
  const Folder outside;
  if (!start({.writable = std::vector<std::string>()}, "landlock")) GTEST_SKIP() << why_not_;
  EXPECT_EQ(run<write_file>(outside.path("new")), EACCES);
  EXPECT_EQ(run<live_normally>(), 0);
}

TEST_F(Hostile, does_not_follow_a_link_out_of_its_folder) {
  const Folder inside, outside;
  ASSERT_EQ(symlink(outside.path("new").c_str(), inside.path("link").c_str()), 0);
  if (!start({.writable = {{inside.path(".")}}}, "landlock")) GTEST_SKIP() << why_not_;
  EXPECT_EQ(run<write_file>(inside.path("link")), EACCES);
}

TEST_F(Hostile, connects_and_does_not_serve) {
  if (!start({.connect_only = true}, "landlock")) GTEST_SKIP() << why_not_;
  EXPECT_EQ(run<bind_tcp>(), EACCES);
  EXPECT_EQ(run<connect_tcp>(1), ECONNREFUSED) << "it was let through to where nobody listens";
}

// ---- other processes ----------------------------------------------------------------------------

TEST_F(Hostile, cannot_signal_its_siblings_through_seccomp) {
  if (!start({.seccomp = true}, "seccomp")) GTEST_SKIP() << why_not_;
  EXPECT_EQ(run<send_signal>(victim_), EPERM);
  EXPECT_EQ(run<send_signal>(getpid()), EPERM);
  EXPECT_EQ(run<send_signal_to_group>(victim_), EPERM);
  EXPECT_EQ(run<send_signal_by_pidfd>(victim_), EPERM);
  EXPECT_EQ(run<send_signal_as_owner>(victim_), EPERM);
  EXPECT_EQ(run<lower_limit>(victim_), EPERM);
  EXPECT_EQ(run<live_normally>(), 0);
}

TEST_F(Hostile, cannot_trace_its_siblings_or_leave_its_namespaces_through_seccomp) {
  if (!start({.seccomp = true}, "seccomp")) GTEST_SKIP() << why_not_;
  EXPECT_EQ(run<trace>(victim_), EPERM);
  EXPECT_EQ(run<new_namespace>(), EPERM);
}

TEST_F(Hostile, cannot_signal_or_trace_its_siblings_out_of_landlock) {
  if (!start({.writable = std::vector<std::string>()}, "landlock")) GTEST_SKIP() << why_not_;
  EXPECT_EQ(run<trace>(victim_), EPERM);
  EXPECT_EQ(run<open_memory>(victim_), EACCES);
  if (!holds_back("signals")) GTEST_SKIP() << "signals: this kernel's Landlock is too old";
  EXPECT_EQ(run<send_signal>(victim_), EPERM);
  EXPECT_EQ(run<send_signal>(getpid()), EPERM);
  EXPECT_EQ(run<send_signal_to_group>(victim_), EPERM);
  EXPECT_EQ(run<send_signal_by_pidfd>(victim_), EPERM);
}

TEST_F(Hostile, who_aborts_dies_of_sigabrt_behind_all_layers) {
  start({.seccomp = true, .writable = std::vector<std::string>(), .connect_only = true}, "seccomp");
  try {
    pool_->submit<abort_at_once>().result(kPatience);
    FAIL() << "it aborts";
  } catch (const WorkerDied& died) {
    EXPECT_EQ(died.signal_name(), "SIGABRT");
  }
  EXPECT_EQ(run<twice>(3), 6);
}

// ---- limits -------------------------------------------------------------------------------------

TEST(HostileLimits, cannot_be_raised_by_a_task) {
  ProcessPoolExecutor pool({.max_workers = 1, .limits = {.cpu_seconds = 1000, .open_files = 100}});
  EXPECT_EQ(pool.submit<raise_limit_as_anybody>(RLIMIT_NOFILE).result(kPatience), 100u);
  EXPECT_EQ(pool.submit<raise_limit_as_anybody>(RLIMIT_CPU).result(kPatience), 1000u);
  EXPECT_EQ(pool.submit<raise_limit_as_anybody>(RLIMIT_CORE).result(kPatience), 0u);
}

TEST(HostileLimits, a_fork_bomb_ends_in_an_error_and_with_its_worker) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "each fork copies a sanitizer's memory";
#endif
  ProcessPoolExecutor pool({.max_workers = 1, .limits = {.processes = 300}});
  const int children = pool.submit<fork_bomb>().result(kPatience);
  EXPECT_GE(children, 0) << "-1: refused by nobody";
  EXPECT_LT(children, 300);
  EXPECT_EQ(pool.submit<twice>(3).result(kPatience), 6);
  const pid_t group = pool.status().workers.at(0).pid;
  pool.kill_workers();
  EXPECT_TRUE(wait_until([&] { return kill(-group, 0) != 0 && errno == ESRCH; }));
}

TEST(HostileLimits, a_memory_eater_gets_bad_alloc_and_its_worker_lives) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "a sanitizer reserves more address space than that";
#endif
  ProcessPoolExecutor pool({.max_workers = 1, .limits = {.address_space = 512 << 20}});
  EXPECT_THROW(pool.submit<eat_memory>().result(kPatience), std::bad_alloc);
  EXPECT_EQ(pool.submit<twice>(3).result(kPatience), 6);
  EXPECT_EQ(pool.status().deaths, 0u);
}

TEST(HostileLimits, who_opens_files_without_end_is_refused_more) {
  ProcessPoolExecutor pool({.max_workers = 1, .limits = {.open_files = 64}});
  EXPECT_EQ(pool.submit<open_files_without_end>().result(kPatience), EMFILE);
  EXPECT_EQ(pool.submit<twice>(3).result(kPatience), 6);
}

TEST(HostileLimits, who_spins_for_ever_dies_of_its_cpu_limit) {
  ProcessPoolExecutor pool({.max_workers = 1, .limits = {.cpu_seconds = 1}});
  try {
    pool.submit<spin_for_ever>().result(kPatience);
    FAIL() << "it has no end";
  } catch (const WorkerDied& died) {
    EXPECT_TRUE(died.signal_name() == "SIGXCPU" || died.signal_name() == "SIGKILL")
        << died.signal_name();
  }
  EXPECT_EQ(pool.submit<twice>(3).result(kPatience), 6);
}

// ---- what is said of it -------------------------------------------------------------------------

TEST(IsolationStatus, says_by_default_what_costs_nothing) {
  ProcessPoolExecutor pool({.max_workers = 1});
  EXPECT_EQ(pool.submit<no_new_privs>().result(kPatience), 1);
  auto layers = layers_of(pool);
  EXPECT_EQ(layers["process_group"].state, LayerState::on);
  EXPECT_EQ(layers["no_core"].state, LayerState::on);
  EXPECT_EQ(layers["no_new_privs"].state, LayerState::on);
  EXPECT_EQ(layers["limits"].state, LayerState::off);
  EXPECT_EQ(layers["landlock"].state, LayerState::off);
  EXPECT_EQ(layers["seccomp"].state, LayerState::off);
  EXPECT_EQ(layers["memory"].state, LayerState::off);
  EXPECT_EQ(layers.size(), 7u);
}

TEST(IsolationStatus, says_what_was_switched_off_and_on) {
  const bool inherited = no_new_privs() == 1;
  ProcessPoolExecutor pool({.max_workers = 1,
                            .limits = {.open_files = 100, .core = true},
                            .isolation = {.no_new_privs = false}});
  EXPECT_EQ(pool.submit<no_new_privs>().result(kPatience), inherited ? 1 : 0);
  auto layers = layers_of(pool);
  EXPECT_EQ(layers["no_new_privs"].state, inherited ? LayerState::on : LayerState::off);
  EXPECT_EQ(layers["limits"].state, LayerState::on);
}

TEST(IsolationStatus, of_a_worker_that_replaced_a_dead_one_is_its_own) {
  ProcessPoolExecutor pool({.max_workers = 1, .isolation = {.seccomp = true}});
  EXPECT_THROW(pool.submit<abort_at_once>().result(kPatience), WorkerDied);
  EXPECT_EQ(pool.submit<twice>(3).result(kPatience), 6);
  EXPECT_NE(layers_of(pool)["seccomp"].state, LayerState::off);
}

TEST(IsolationStatus, a_folder_that_is_none_is_refused_when_the_pool_is_made) {
  const Folder folder;
  std::ofstream(folder.path("file")) << "";
  for (const char* name : {"file", "missing"})
    EXPECT_THROW(ProcessPoolExecutor({.isolation = {.writable = {{folder.path(name)}}}}),
                 std::invalid_argument)
        << name;
}

TEST(IsolationStatus, more_folders_than_a_worker_can_be_told_of_are_refused) {
  const Folder folder;
  const std::vector<std::string> many(1000, folder.path("."));
  EXPECT_THROW(ProcessPoolExecutor({.isolation = {.writable = many}}), std::invalid_argument);
  const std::vector<std::string> some(100, folder.path("."));
  ProcessPoolExecutor pool({.max_workers = 1, .isolation = {.writable = some}});
  EXPECT_EQ(pool.submit<twice>(1).result(kPatience), 2);
}

// The worker must not go on with less than was asked for.
TEST(IsolationStatus, a_folder_that_is_gone_when_a_worker_starts_breaks_the_pool) {
  const Folder folder;
  ASSERT_EQ(mkdir(folder.path("gone").c_str(), 0700), 0);
  const auto landlock = [&] {
    ProcessPoolExecutor probe({.max_workers = 1, .isolation = {.writable = {{folder.path(".")}}}});
    probe.submit<twice>(1).result(kPatience);
    return layers_of(probe)["landlock"];
  }();
  if (landlock.state != LayerState::on) GTEST_SKIP() << "landlock: " << landlock.detail;
  ProcessPoolExecutor pool({.max_workers = 1, .isolation = {.writable = {{folder.path("gone")}}}});
  ASSERT_EQ(rmdir(folder.path("gone").c_str()), 0);
  EXPECT_THROW(pool.submit<twice>(1).result(kPatience), BrokenProcessPool);
}

}  // namespace
