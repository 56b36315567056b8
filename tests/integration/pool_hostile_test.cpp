// SPDX-License-Identifier: MIT
// Less usual ways in which a task that means harm gets at what is not its own: behind all layers
// none of them works. The usual ones are in pool_isolation_test.cpp.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <flagship/flagship.hpp>
#include <fstream>
#include <string>
#include <vector>

#include "common/os/unique_fd.hpp"
#include "tests/support/census.hpp"
#include "tests/support/gate.hpp"
#include "tests/support/patience.hpp"
#include "tests/support/tasks.hpp"

namespace {

using namespace flagship;
using namespace flagship::test;
using namespace std::chrono_literals;
using testing::AnyOf;
using testing::IsEmpty;

// ---- tasks: each returns 0 when it came through, else errno -------------------------------------

int error_of(long result) { return result < 0 ? errno : 0; }

int open_and_close(const std::string& path, int how) {
  return error_of(UniqueFd(open(path.c_str(), how | O_CLOEXEC, 0600)).get());
}
int bind_at(const std::string& path) {
  const UniqueFd socket_fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  return error_of(
      bind(socket_fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address));
}

/// Makes something new, or changes what is there.
int leave_a_trace(const std::string& how, const std::string& path) {
  if (how == "folder") return error_of(mkdir(path.c_str(), 0700));
  if (how == "link") return error_of(symlink("/etc/passwd", path.c_str()));
  if (how == "second name") return error_of(link("/proc/self/exe", path.c_str()));
  if (how == "pipe") return error_of(mkfifo(path.c_str(), 0600));
  if (how == "device") return error_of(mknod(path.c_str(), S_IFCHR | 0600, 0));
  if (how == "socket") return bind_at(path);
  if (how == "around the root") return open_and_close("/proc/self/root" + path, O_WRONLY | O_CREAT);
  if (how == "both ways") return open_and_close(path, O_RDWR | O_CREAT);
  if (how == "without a name")
    return open_and_close(std::filesystem::path(path).parent_path(), O_TMPFILE | O_RDWR);
  return -1;
}

int copy_memory(bool out, pid_t of) {
  char here[8]{};
  int there = 0;
  const iovec local{here, sizeof here};
  const iovec remote{&there, sizeof here};
  return error_of(out ? process_vm_readv(of, &local, 1, &remote, 1, 0)
                      : process_vm_writev(of, &local, 1, &remote, 1, 0));
}
int take_descriptor(pid_t of) {
  const UniqueFd process(static_cast<int>(syscall(SYS_pidfd_open, of, 0)));
  if (!process) return errno;
  return error_of(UniqueFd(static_cast<int>(syscall(SYS_pidfd_getfd, process.get(), 0, 0))).get());
}
int reach(const std::string& how, pid_t process) {
  const std::string proc = "/proc/" + std::to_string(process);
  if (how == "attach") return error_of(ptrace(PTRACE_ATTACH, process, nullptr, nullptr));
  if (how == "read its memory") return copy_memory(true, process);
  if (how == "write its memory") return copy_memory(false, process);
  if (how == "open its memory") return open_and_close(proc + "/mem", O_RDWR);
  if (how == "offer it to the kernel") return open_and_close(proc + "/oom_score_adj", O_WRONLY);
  if (how == "take a descriptor") return take_descriptor(process);
  if (how == "everybody") return error_of(kill(-1, 0));  // 0: nobody is harmed should it work
  return -1;
}

/// In a child, which leads no group yet.
template <class Try>
int tried_by_child(Try&& attempt) {
  const pid_t child = fork();
  if (child == 0) _exit(error_of(attempt()));
  int status = 0;
  waitpid(child, &status, 0);
  return WEXITSTATUS(status);
}
int leave_the_session() {
  return tried_by_child([] { return setsid(); });
}
int leave_the_group() {
  return tried_by_child([] { return setpgid(0, 0); });
}

/// What it shares with its supervisor is cut off under that one's hands. 0: it could be.
int cut_the_claim_page() {
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/map_files")) {
    std::error_code unreadable;
    const std::string name = std::filesystem::read_symlink(entry.path(), unreadable);
    if (name.find("flagship-claims") == std::string::npos) continue;
    const UniqueFd page(open(entry.path().c_str(), O_RDWR | O_CLOEXEC));
    return page ? error_of(ftruncate(page.get(), 0)) : errno;
  }
  return ENOENT;
}

void be_deaf() {
  sigset_t all;
  sigfillset(&all);
  sigprocmask(SIG_BLOCK, &all, nullptr);
}
/// Never ends, hears no signal, and has a child like that.
void hide_from_time(const std::string& file) {
  be_deaf();
  const pid_t child = fork();
  if (child != 0) std::ofstream(file) << child << ' ' << getpid() << std::flush;
  for (;;) pause();
}
int write_much(const std::string& path) {
  signal(SIGXFSZ, SIG_IGN);
  const UniqueFd file(open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  const std::string part(1 << 16, 'x');
  for (int i = 0; i < 1000; ++i)
    if (write(file.get(), part.data(), part.size()) < 0) return errno;
  return 0;
}

// ---- behind all layers --------------------------------------------------------------------------

/// A pool whose worker is behind all layers and may write to one folder, and one beside it.
class HostileWays : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(victims_.submit<square>(2).result(kPatience), 4);
    ASSERT_EQ(pool_.submit<square>(2).result(kPatience), 4);
    const PoolStatus status = pool_.status();
    for (const IsolationLayer& layer : status.workers.at(0).isolation)
      if (layer.state == LayerState::unavailable)
        GTEST_SKIP() << layer.name << " is unavailable: " << layer.detail;
  }
  void TearDown() override {
    EXPECT_EQ(victims_.submit<square>(3).result(kPatience), 9);
    EXPECT_EQ(victims_.status().deaths, 0u);
    EXPECT_EQ(pool_.submit<square>(3).result(kPatience), 9);
  }

  pid_t victim() const { return victims_.status().workers.at(0).pid; }

  const Folder inside_, outside_;
  ProcessPoolExecutor victims_{PoolOptions{.max_workers = 1}};
  ProcessPoolExecutor pool_{PoolOptions{
      .max_workers = 1,
      .isolation = {.seccomp = true, .writable = {{inside_.path(".")}}, .connect_only = true}}};
};

TEST_F(HostileWays, of_leaving_a_trace_outside_its_folder_are_refused) {
  for (const std::string how : {"folder", "link", "second name", "pipe", "device", "socket",
                                "around the root", "both ways", "without a name"}) {
    const int error = pool_.submit<leave_a_trace>(how, outside_.path("new")).result(kPatience);
    EXPECT_THAT(error, AnyOf(EACCES, EXDEV, EPERM)) << how;
  }
  EXPECT_TRUE(std::filesystem::is_empty(outside_.path(".")));
  EXPECT_EQ(pool_.submit<leave_a_trace>("folder", inside_.path("new")).result(kPatience), 0);
  for (const std::string place : {"/dev/shm/flagship-test", "/tmp/flagship-test-hostile"})
    EXPECT_EQ(pool_.submit<leave_a_trace>("both ways", place).result(kPatience), EACCES) << place;
}

TEST_F(HostileWays, of_reaching_its_master_and_its_siblings_are_refused) {
  for (const std::string how : {"attach", "read its memory", "write its memory", "open its memory",
                                "offer it to the kernel", "take a descriptor", "everybody"})
    for (const pid_t process : {getpid(), victim()})
      EXPECT_THAT(pool_.submit<reach>(how, process).result(kPatience), AnyOf(EPERM, EACCES)) << how;
}

// What it starts ends with it: nothing gets out of its process group.
TEST_F(HostileWays, of_leaving_its_process_group_are_refused) {
  EXPECT_EQ(pool_.submit<leave_the_session>().result(kPatience), EPERM);
  EXPECT_EQ(pool_.submit<leave_the_group>().result(kPatience), EPERM);
}

TEST_F(HostileWays, of_cutting_off_memory_that_it_shares_with_its_master_are_refused) {
  EXPECT_NE(pool_.submit<cut_the_claim_page>().result(kPatience), 0);
}

// ---- without layers -----------------------------------------------------------------------------

TEST(HostileLimits, memory_that_is_shared_with_the_master_cannot_be_cut_off) {
  ProcessPoolExecutor pool({.max_workers = 1});
  EXPECT_NE(pool.submit<cut_the_claim_page>().result(kPatience), 0);
  EXPECT_EQ(pool.submit<square>(3).result(kPatience), 9);
}

TEST(HostileLimits, who_hears_no_signal_and_has_children_ends_with_its_time_all_the_same) {
  const Folder folder;
  ProcessPoolExecutor pool({.max_workers = 1, .task_timeout = 100ms, .interrupt_grace = 30ms});
  const auto future = pool.submit<hide_from_time>(folder.path("pids"));
  EXPECT_THROW(future.result(kPatience), TaskTimeout);
  pid_t child = 0, worker = 0;
  std::ifstream(folder.path("pids")) >> child >> worker;
  ASSERT_GT(child, 0);
  EXPECT_TRUE(wait_until([&] { return is_gone(child) && is_gone(worker); }));
  EXPECT_EQ(pool.submit<square>(3).result(kPatience), 9);
}

TEST(HostileLimits, who_ignores_the_signal_for_a_file_that_is_too_large_writes_no_more_either) {
  const Folder folder;
  ProcessPoolExecutor pool({.max_workers = 1, .limits = {.file_size = 1 << 20}});
  EXPECT_EQ(pool.submit<write_much>(folder.path("file")).result(kPatience), EFBIG);
  EXPECT_EQ(std::filesystem::file_size(folder.path("file")), 1u << 20);
}

}  // namespace
