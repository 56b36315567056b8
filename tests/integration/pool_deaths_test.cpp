// SPDX-License-Identifier: MIT
// What is known of a worker's death.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <flagship/flagship.hpp>
#include <fstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "common/os/sanitizers.hpp"
#include "tests/support/child.hpp"
#include "tests/support/endings.hpp"
#include "tests/support/patience.hpp"
#include "tests/support/tasks.hpp"

namespace {

using namespace flagship;
using namespace flagship::test;
using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

// ---- tasks ------------------------------------------------------------------------------------

/// So that the compiler knows nothing of it.
template <class T>
T hidden(T value) {
  asm volatile("" : "+r"(value));
  return value;
}

[[gnu::noinline]] void write_nowhere(int value) { *hidden<volatile int*>(nullptr) = value; }
[[gnu::noinline]] int divide_by_nothing(int value) {
  const int result = value / hidden(0);
  asm volatile("" : : "r"(result));
  return result;
}
[[gnu::noinline]] void give_up() {
  std::abort();
  asm volatile("");
}
[[gnu::noinline]] void call_nothing() {
  hidden<void (*)()>(nullptr)();
  asm volatile("");  // so that the call above is no jump
}
[[gnu::noinline]] int go_deeper(int depth) {
  volatile char room[1024];
  room[0] = static_cast<char>(depth);
  if (hidden(depth) < 0) return 0;
  const int below = go_deeper(hidden(depth) + 1);
  return below + room[0];
}
[[gnu::noinline]] void throw_it() { throw std::runtime_error("nobody catches this"); }
int crash(const std::string& how) {
  if (how == "segfault") write_nowhere(7);
  if (how == "division") return divide_by_nothing(7);
  if (how == "abort") give_up();
  if (how == "null") call_nothing();
  if (how == "deep") return go_deeper(0);
  if (how == "terminate") []() noexcept { throw_it(); }();
  if (how == "thread") std::thread([] { write_nowhere(7); }).join();
  return hidden(0);
}
void crash_with_own_handler() {
  signal(SIGSEGV, [](int) { _exit(9); });
  write_nowhere(7);
}
/// Ends of the same signal as a process of its own did before, but not of a crash.
void let_a_child_crash() {
  if (const pid_t child = fork(); child == 0)
    write_nowhere(7);
  else
    waitpid(child, nullptr, 0);
  signal(SIGSEGV, SIG_DFL);
  raise(SIGSEGV);
}
void send_itself(int number) { raise(number); }
void print_and_die(int lines, std::size_t length) {
  for (int i = 1; i <= lines; ++i) std::printf("%d %s\n", i, std::string(length, 'x').c_str());
  std::fprintf(stderr, "the last words");
  raise(SIGKILL);
}

Death death_of(const AnyFuture& future) {
  Death death;
  try {
    if (auto error = future.exception(kPatience)) std::rethrow_exception(error);
    ADD_FAILURE() << "it returned";
  } catch (const WorkerDied& died) {
    death = {died.pid(),           died.host(),         died.signal(),   died.exit_code(),
             died.out_of_memory(), died.memory_limit(), died.peak_rss(), died.user_time(),
             died.system_time(),   died.task(),         died.attempt(),  died.stderr_tail(),
             died.backtrace()};
  }
  return death;
}

std::size_t lines(const std::string& text) {
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')) + 1;
}

struct PoolDeaths : testing::Test {
  ProcessPoolExecutor pool{{.max_workers = 1, .output = [](const WorkerOutput&) {}}};
  Death of_crash(const std::string& how) { return death_of(pool.submit<crash>(how)); }
};
struct Backtraces : PoolDeaths {
  void SetUp() override {
    if (kSanitized) GTEST_SKIP() << "a sanitizer has handlers and a story of its own";
  }
};

// ---- the last lines ---------------------------------------------------------------------------

TEST_F(PoolDeaths, what_a_task_printed_before_its_end_is_told) {
  EXPECT_EQ(death_of(pool.submit<print_and_die>(2, std::size_t{3})).stderr_tail,
            "1 xxx\n2 xxx\nthe last words");
  EXPECT_THAT(death_of(pool.submit<leave>(3)).stderr_tail, IsEmpty()) << "that was another worker";
}

TEST_F(PoolDeaths, of_much_only_the_last_lines_are_told) {
  const std::string many = death_of(pool.submit<print_and_die>(5000, std::size_t{3})).stderr_tail;
  EXPECT_EQ(lines(many), 20u);
  EXPECT_THAT(many, AllOf(StartsWith("4982 xxx\n"), EndsWith("5000 xxx\nthe last words")));
  const std::string long_ones =
      death_of(pool.submit<print_and_die>(9, std::size_t{999})).stderr_tail;
  EXPECT_LE(long_ones.size(), 4u * 1024);
  EXPECT_THAT(long_ones, StartsWith("6 xxx")) << "only whole lines";
}

// ---- where it crashed -------------------------------------------------------------------------

TEST_F(Backtraces, a_segfault_names_the_function_its_callers_and_nothing_of_ours) {
  const Death death = of_crash("segfault");
  EXPECT_EQ(death.signal, SIGSEGV);
  EXPECT_THAT(death.backtrace, Not(HasSubstr("flagship::")));
  const std::size_t inner = death.backtrace.find("write_nowhere(int)");
  EXPECT_EQ(lines(death.backtrace.substr(0, inner)), 1u) << death.backtrace;
  EXPECT_LT(inner, death.backtrace.find("crash")) << death.backtrace;
  EXPECT_EQ(lines(death.backtrace), 2u) << death.backtrace;
  EXPECT_EQ(of_crash("segfault").backtrace, death.backtrace) << "again";
}

TEST_F(Backtraces, an_abort_and_an_exception_that_nobody_may_catch_are_told_as_what_they_are) {
  const Death death = of_crash("abort");
  EXPECT_EQ(death.signal, SIGABRT);
  EXPECT_THAT(death.backtrace, AllOf(HasSubstr("abort"), HasSubstr("give_up()")));
  const Death terminated = of_crash("terminate");
  EXPECT_EQ(terminated.signal, SIGABRT);
  EXPECT_THAT(terminated.backtrace, HasSubstr("crash("));
  EXPECT_THAT(terminated.stderr_tail, HasSubstr("nobody catches this"));
}

TEST_F(Backtraces, a_division_by_zero_is_one) {
#if !defined(__x86_64__)
  GTEST_SKIP() << "this machine divides by zero without a signal";
#endif
  const Death death = of_crash("division");
  EXPECT_EQ(death.signal, SIGFPE);
  EXPECT_THAT(death.backtrace, HasSubstr("divide_by_nothing"));
}

TEST_F(Backtraces, a_full_stack_is_told_too) {
  const Death death = of_crash("deep");
  EXPECT_EQ(death.signal, SIGSEGV);
  EXPECT_THAT(death.backtrace, HasSubstr("go_deeper"));
  EXPECT_LE(lines(death.backtrace), 32u);
}

TEST_F(Backtraces, who_called_a_null_pointer_is_named) {
#if !defined(__x86_64__)
  GTEST_SKIP() << "not known of this machine";
#endif
  const Death death = of_crash("null");
  EXPECT_EQ(death.signal, SIGSEGV);
  EXPECT_THAT(death.backtrace, HasSubstr("call_nothing()"));
}

TEST_F(Backtraces, a_crash_in_a_thread_of_a_task_is_told) {
  const Death death = of_crash("thread");
  EXPECT_EQ(death.signal, SIGSEGV);
  EXPECT_THAT(death.backtrace, HasSubstr("write_nowhere(int)"));
}

TEST_F(Backtraces, a_task_with_a_handler_of_its_own_keeps_it) {
  const Death death = death_of(pool.submit<crash_with_own_handler>());
  EXPECT_EQ(death.exit_code, 9);
  EXPECT_THAT(death.backtrace, IsEmpty());
}

TEST_F(Backtraces, the_crash_of_what_a_task_forked_is_not_its_own) {
  const Death death = death_of(pool.submit<let_a_child_crash>());
  EXPECT_EQ(death.signal, SIGSEGV);
  EXPECT_THAT(death.backtrace, IsEmpty());
}

TEST_F(PoolDeaths, who_exits_or_is_killed_has_no_backtrace) {
  const Death left = death_of(pool.submit<leave>(3));
  EXPECT_EQ(left.exit_code, 3);
  EXPECT_THAT(left.backtrace, IsEmpty());
  for (const int number : {SIGKILL, SIGTERM, SIGUSR1}) {
    const Death killed = death_of(pool.submit<send_itself>(number));
    EXPECT_EQ(killed.signal, number);
    EXPECT_THAT(killed.backtrace, IsEmpty());
    EXPECT_FALSE(killed.out_of_memory);
  }
}

TEST_F(Backtraces, a_worker_that_is_another_program_has_one_with_its_names) {
  ProcessPoolExecutor other({.max_workers = 1, .worker_executable = TEST_OTHER_WORKER});
  const Death death = death_of(other.submit_named<int>("test.crash", 5));
  EXPECT_EQ(death.signal, SIGABRT);
  EXPECT_THAT(death.backtrace,
              AllOf(HasSubstr("crash_elsewhere"), HasSubstr("test_other_worker+")));
}

// ---- memory -----------------------------------------------------------------------------------

/// A cgroup within this process's own, with a little memory; gone at the end. Whoever may not make
/// one has none.
class SmallGroup {
 public:
  SmallGroup() {
    for (const auto& [parent, limits] : places()) {
      path_ = parent + "/flagship-test-" + std::to_string(getpid());
      if (mkdir(path_.c_str(), 0700) != 0) continue;
      for (const auto& [file, limit] : limits) std::ofstream(path_ + "/" + file) << limit;
      if (access((path_ + "/" + limits.front().first).c_str(), W_OK) == 0) return;
      rmdir(path_.c_str());
    }
    path_.clear();
  }
  SmallGroup(const SmallGroup&) = delete;
  SmallGroup& operator=(const SmallGroup&) = delete;
  ~SmallGroup() {
    if (path_.empty()) return;
    EXPECT_TRUE(wait_until([&] { return rmdir(path_.c_str()) == 0; })) << path_;
  }
  bool exists() const { return !path_.empty(); }
  std::string procs() const { return path_ + "/cgroup.procs"; }

 private:
  using Limits = std::vector<std::pair<std::string, std::string>>;
  static std::vector<std::pair<std::string, Limits>> places() {
    const std::string limit = std::to_string(96 << 20);
    std::vector<std::pair<std::string, Limits>> all;
    std::ifstream groups("/proc/self/cgroup");
    for (std::string line; std::getline(groups, line);) {
      const std::string group = line.substr(line.rfind(':') + 1);
      if (line.find(":memory:") != std::string::npos)
        all.push_back({"/sys/fs/cgroup/memory" + group,
                       {{"memory.limit_in_bytes", limit}, {"memory.memsw.limit_in_bytes", limit}}});
      if (line.starts_with("0::"))
        all.push_back(
            {"/sys/fs/cgroup" + group, {{"memory.max", limit}, {"memory.swap.max", "0"}}});
    }
    return all;
  }
  std::string path_;
};

TEST(PoolDeathsOfMemory, without_cgroups_who_takes_more_than_its_limit_is_found_by_looking) {
  if (kSanitized) GTEST_SKIP() << "a sanitizer takes more memory than that by itself";
  Child eater({TEST_EATER, "--limit", std::to_string(128 << 20)});
  EXPECT_EQ(eater.read_line(), "polled");
  EXPECT_EQ(eater.read_line(), "SIGKILL out of memory");
  EXPECT_EQ(eater.read_line(), "SIGKILL not for memory");
  EXPECT_EQ(eater.wait(), 0);
}

TEST(PoolDeathsOfMemory, who_took_more_than_the_cgroup_has_is_told_from_who_was_killed) {
  if (kSanitized) GTEST_SKIP() << "a sanitizer takes more memory than that by itself";
  const SmallGroup group;
  if (!group.exists()) GTEST_SKIP() << "no cgroup for memory can be made here";
  Child eater({TEST_EATER, group.procs()});
  EXPECT_EQ(eater.read_line(), "SIGKILL not for memory");
  EXPECT_EQ(eater.read_line(), "SIGKILL out of memory");
  EXPECT_EQ(eater.read_line(), "SIGKILL not for memory");
  EXPECT_EQ(eater.wait(), 0);
}

}  // namespace
