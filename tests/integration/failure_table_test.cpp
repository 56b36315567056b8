// SPDX-License-Identifier: MIT
// The table of failures, row by row, with programs that fail in earnest.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <filesystem>
#include <flagship/flagship.hpp>
#include <fstream>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "common/os/sanitizers.hpp"
#include "tests/support/census.hpp"
#include "tests/support/child.hpp"
#include "tests/support/endings.hpp"
#include "tests/support/gate.hpp"
#include "tests/support/patience.hpp"

namespace {

using namespace flagship;
using namespace flagship::test;
using namespace std::chrono_literals;
using testing::AllOf;
using testing::HasSubstr;
using testing::Ne;

class FailureTable : public testing::Test {
 protected:
  static PoolOptions options() {
    return {.max_workers = 1, .interrupt_grace = 100ms, .worker_executable = TEST_MISBEHAVING};
  }
  static Future<int> run(const ProcessPoolExecutor& pool, const std::string& how,
                         const std::string& note = {}) {
    return pool.submit_named<int>("misbehave", how, note);
  }
  static std::optional<WorkerDied> death_of(const Future<int>& future) {
    try {
      if (const auto error = future.exception(kPatience)) std::rethrow_exception(error);
    } catch (const WorkerDied& died) {
      return died;
    } catch (const std::exception& other) {
      ADD_FAILURE() << other.what();
      return std::nullopt;
    }
    ADD_FAILURE() << "it returned";
    return std::nullopt;
  }
  /// The pid that the task has written there.
  static pid_t pid_in(const std::string& note) {
    pid_t pid = 0;
    EXPECT_TRUE(wait_until([&] { return static_cast<bool>(std::ifstream(note) >> pid); }));
    return pid;
  }
  static void expect_gone(pid_t process) {
    EXPECT_TRUE(wait_until([&] { return is_gone(process); })) << process;
  }

  Folder folder_;
  const std::string note_ = folder_.path("note");
};

// ---- task throws: its exception; the worker lives ---------------------------------------------

TEST_F(FailureTable, task_throws__its_exception__the_worker_lives) {
  ProcessPoolExecutor pool(options());
  const pid_t worker = run(pool, "behave").result(kPatience);
  EXPECT_THROW(run(pool, "throw").result(kPatience), std::out_of_range);
  EXPECT_EQ(run(pool, "behave").result(kPatience), worker);
}

// ---- worker dies (signal, exit, OOM) ----------------------------------------------------------

TEST_F(FailureTable, worker_dies_by_a_signal__WorkerDied_with_the_whole_story) {
  if (kSanitized) GTEST_SKIP() << "a sanitizer has handlers and a story of its own";
  ProcessPoolExecutor pool(options());
  const pid_t worker = run(pool, "behave").result(kPatience);
  const auto died = death_of(run(pool, "crash"));
  ASSERT_TRUE(died);
  EXPECT_EQ(died->signal_name(), "SIGSEGV");
  EXPECT_EQ(died->exit_code(), -1);
  EXPECT_EQ(died->pid(), worker);
  EXPECT_NE(died->host(), "");
  EXPECT_FALSE(died->out_of_memory());
  EXPECT_GT(died->peak_rss(), 0u);
  EXPECT_GT((died->user_time() + died->system_time()).count(), 0);
  EXPECT_THAT(died->task(), HasSubstr("misbehave"));
  EXPECT_EQ(died->attempt(), 1);
  EXPECT_EQ(died->stderr_tail(), "about to crash");
  EXPECT_THAT(died->backtrace(), HasSubstr("crash"));
  EXPECT_NE(run(pool, "behave").result(kPatience), worker);
}

TEST_F(FailureTable, worker_dies_by_exit__WorkerDied_with_the_code) {
  ProcessPoolExecutor pool(options());
  const auto died = death_of(run(pool, "exit"));
  ASSERT_TRUE(died);
  EXPECT_EQ(died->exit_code(), 3);
  EXPECT_EQ(died->signal(), 0);
}

TEST_F(FailureTable, worker_dies_of_memory__WorkerDied_says_which_limit__nobody_else_notices) {
  if (kSanitized) GTEST_SKIP() << "a sanitizer takes more memory than that by itself";
  constexpr std::size_t kLimit = 96 << 20;
  auto two = options();
  two.max_workers = 2;
  two.limits.memory = kLimit;
  ProcessPoolExecutor pool(two);
  const Future<int> sibling = run(pool, "hang");
  ASSERT_TRUE(wait_until([&] { return sibling.running(); }));
  const auto died = death_of(run(pool, "eat"));
  ASSERT_TRUE(died);
  EXPECT_TRUE(died->out_of_memory());
  EXPECT_EQ(died->memory_limit(), kLimit);
  EXPECT_GT(died->peak_rss(), kLimit / 2);
  EXPECT_THAT(died->what(), AllOf(HasSubstr("SIGKILL"), HasSubstr(std::to_string(kLimit))));
  EXPECT_TRUE(sibling.running());
  for (const WorkerStatus& worker : pool.status().workers)
    for (const IsolationLayer& layer : worker.isolation)
      if (layer.name == "memory") {
        EXPECT_EQ(layer.state, LayerState::on);
        EXPECT_THAT(layer.detail, testing::AnyOf("polled", testing::StartsWith("cgroup v")));
      }
  pool.kill_workers();
}

TEST_F(FailureTable, worker_dies__with_retry_elsewhere_until_max_attempts) {
  auto retry = options();
  retry.on_worker_death = OnWorkerDeath::retry;
  retry.max_attempts = 2;
  ProcessPoolExecutor pool(retry);
  const auto died = death_of(run(pool, "crash"));
  ASSERT_TRUE(died);
  EXPECT_EQ(died->attempt(), 2);
  EXPECT_EQ(pool.status().deaths, 2u);
}

TEST_F(FailureTable, worker_dies__what_it_held_and_had_not_begun_is_moved_uncounted) {
  ProcessPoolExecutor pool(options());
  for (int i = 0; i < 100; ++i) run(pool, "behave");  // so that more is handed over than one
  std::vector<Future<int>> before, after;
  for (int i = 0; i < 100; ++i) before.push_back(run(pool, "behave"));
  const Future<int> fatal = run(pool, "crash");
  for (int i = 0; i < 100; ++i) after.push_back(run(pool, "behave"));
  ASSERT_TRUE(death_of(fatal));
  for (const auto& future : before) EXPECT_GT(future.result(kPatience), 0);
  for (const auto& future : after) {
    EXPECT_GT(future.result(kPatience), 0);
    EXPECT_EQ(future.try_outcome()->attempt, 1);
  }
  EXPECT_EQ(pool.status().deaths, 1u);
}

TEST_F(FailureTable, worker_dies__what_its_task_had_started_dies_with_it) {
  ProcessPoolExecutor pool(options());
  ASSERT_TRUE(death_of(run(pool, "keep a child and crash", note_)));
  expect_gone(pid_in(note_));
}

TEST_F(FailureTable, worker_dies_of_nothing__a_chatty_task_is_heard_to_the_end) {
  std::atomic<std::size_t> lines{0};
  auto heard = options();
  heard.output = [&](const WorkerOutput& output) {
    lines += static_cast<std::size_t>(std::count(output.text.begin(), output.text.end(), '\n'));
  };
  ProcessPoolExecutor pool(heard);
  EXPECT_EQ(run(pool, "chat").result(kPatience), 20'000);
  EXPECT_TRUE(wait_until([&] { return lines == 20'000; })) << lines;
}

TEST_F(FailureTable, worker_dies_of_nothing__a_fork_bomb_ends_at_its_limit_and_with_its_worker) {
  if (kSanitized) GTEST_SKIP() << "each fork copies a sanitizer's memory";
  auto limited = options();
  limited.limits.processes = 200;
  pid_t group = 0;
  {
    ProcessPoolExecutor pool(limited);
    group = run(pool, "behave").result(kPatience);
    const int children = run(pool, "bomb").result(kPatience);
    EXPECT_GE(children, 0);
    EXPECT_LT(children, 200);
  }
  EXPECT_TRUE(wait_until([&] { return kill(-group, 0) != 0 && errno == ESRCH; }));
}

// ---- task over its time limit -----------------------------------------------------------------

TEST_F(FailureTable, task_over_its_time_limit__SIGTERM__TaskTimeout__worker_replaced) {
  ProcessPoolExecutor pool(options());
  const pid_t worker = run(pool, "behave").result(kPatience);
  const auto hanging =
      pool.with({.timeout = 50ms})
          .submit_named<int>("misbehave", std::string("keep a child and hang"), note_);
  EXPECT_TRUE(ended_with<TaskTimeout>(hanging));
  EXPECT_NE(run(pool, "behave").result(kPatience), worker);
  expect_gone(worker);
  expect_gone(pid_in(note_));
}

TEST_F(FailureTable, task_over_its_time_limit__who_ignores_SIGTERM_gets_SIGKILL_after_the_grace) {
  ProcessPoolExecutor pool(options());
  const pid_t worker = run(pool, "behave").result(kPatience);
  const auto stubborn =
      pool.with({.timeout = 50ms})
          .submit_named<int>("misbehave", std::string("ignore SIGTERM"), std::string());
  EXPECT_TRUE(ended_with<TaskTimeout>(stubborn));
  expect_gone(worker);
}

// ---- workers die as fast as they start --------------------------------------------------------

TEST_F(FailureTable,
       workers_die_as_fast_as_they_start__back_off__then_BrokenProcessPool_with_cause) {
  auto none = options();
  none.worker_executable = "/bin/false";
  ProcessPoolExecutor pool(none);
  const Future<int> future = run(pool, "behave");
  EXPECT_TRUE(ended_with<BrokenProcessPool>(future));
  EXPECT_THAT(message_of(future.exception()),
              AllOf(HasSubstr("/bin/false"), HasSubstr("exited with code 1")));
}

// ---- master is killed, even SIGKILL -----------------------------------------------------------

/// Who clones the workers of that process; 0: nobody.
pid_t zygote_of(pid_t master) {
  std::error_code error;
  for (const auto& process : std::filesystem::directory_iterator("/proc", error)) {
    std::ifstream stat(process.path() / "stat");
    std::string pid, name, state;
    pid_t parent = 0;
    if (stat >> pid >> name >> state >> parent && name == "(flagship-zygote)" && parent == master)
      return std::stoi(pid);
  }
  return 0;
}

class MasterIsKilled : public testing::Test {
 protected:
  void start(const std::string& program, const std::string& worker_is) {
    master_.emplace(std::vector{program, worker_is});
    worker_ = std::stoi(master_->read_line());
    started_ = std::stoi(master_->read_line());
    ASSERT_FALSE(is_gone(worker_));
    ASSERT_FALSE(is_gone(started_));
  }
  void kill_master() {
    const pid_t pid = master_->pid();
    master_->kill(SIGKILL);
    EXPECT_EQ(master_->wait(), -SIGKILL);
    folders_ = run_folders(pid);
  }
  void expect_nothing_lives() const {
    EXPECT_TRUE(wait_until([&] { return is_gone(worker_); }));
    EXPECT_TRUE(wait_until([&] { return is_gone(started_); }));
  }
  void TearDown() override {
    for (const std::string& folder : folders_) std::filesystem::remove_all(folder);
  }
  std::optional<Child> master_;
  pid_t worker_ = 0, started_ = 0;
  std::set<std::string> folders_;
};

TEST_F(MasterIsKilled, even_SIGKILL__workers_end_and_what_their_tasks_had_started) {
  start(TEST_ORPHANED, "busy");
  kill_master();
  expect_nothing_lives();
}

TEST_F(MasterIsKilled, even_SIGKILL__also_in_a_program_whose_workers_cannot_be_cloned) {
  start(TEST_ORPHANED_EARLY, "busy");
  kill_master();
  expect_nothing_lives();
}

TEST_F(MasterIsKilled, even_SIGKILL__also_when_the_zygote_was_killed_before) {
  start(TEST_ORPHANED, "busy");
  const pid_t first = zygote_of(master_->pid());
  ASSERT_NE(first, 0);
  kill(first, SIGKILL);
  const auto has_another = [&] {
    const pid_t zygote = zygote_of(master_->pid());
    return zygote != 0 && zygote != first;
  };
  ASSERT_TRUE(wait_until(has_another));
  kill_master();
  expect_nothing_lives();
}

// Nobody would watch over its clone then.
TEST_F(FailureTable, zygote_dies_before_it_can_tell_of_its_clone__another_one_keeps_that) {
  ProcessPoolExecutor pool({.max_workers = 1, .worker_executable = TEST_TACITURN});
  const Future<int> future = run(pool, "behave");
  EXPECT_TRUE(wait_until([] { return zygote_of(getpid()) != 0; }));
  pool.terminate_workers();
}

TEST_F(MasterIsKilled, even_SIGKILL__an_idle_worker_that_the_kernel_does_not_tell_finds_out) {
  start(TEST_ORPHANED, "idle");
  const pid_t zygote = zygote_of(master_->pid());
  ASSERT_NE(zygote, 0);
  kill(zygote, SIGKILL);
  kill_master();
  expect_nothing_lives();
}

TEST_F(MasterIsKilled, even_SIGKILL__its_private_folder_is_removed_by_the_next_start) {
  start(TEST_ORPHANED, "busy");
  kill_master();
  EXPECT_THAT(folders_, testing::Not(testing::IsEmpty()));
  expect_nothing_lives();
  const ProcessPoolExecutor next({.max_workers = 1});
  for (const std::string& folder : folders_) EXPECT_FALSE(std::filesystem::exists(folder));
}

// ---- spawn fails ------------------------------------------------------------------------------

TEST_F(FailureTable, spawn_fails__path_and_errno_in_the_error) {
  auto missing = options();
  missing.worker_executable = folder_.path("missing");
  ProcessPoolExecutor pool(missing);
  const Future<int> future = run(pool, "behave");
  EXPECT_TRUE(ended_with<BrokenProcessPool>(future));
  EXPECT_THAT(message_of(future.exception()),
              AllOf(HasSubstr(missing.worker_executable), HasSubstr("No such file or directory")));
}

// ---- too few file descriptors -----------------------------------------------------------------

class Descriptors {
 public:
  Descriptors(rlim_t soft, rlim_t hard) {
    getrlimit(RLIMIT_NOFILE, &before_);
    const rlimit wanted{soft, hard};
    set_ = setrlimit(RLIMIT_NOFILE, &wanted) == 0;
  }
  Descriptors(const Descriptors&) = delete;
  Descriptors& operator=(const Descriptors&) = delete;
  ~Descriptors() { setrlimit(RLIMIT_NOFILE, &before_); }
  bool set() const { return set_; }

 private:
  rlimit before_{};
  bool set_ = false;
};

TEST_F(FailureTable, too_few_file_descriptors__the_limit_is_raised_at_start) {
  rlimit now{};
  getrlimit(RLIMIT_NOFILE, &now);
  const Descriptors few(20, now.rlim_max);
  ASSERT_TRUE(few.set());
  ProcessPoolExecutor pool(options());
  EXPECT_GT(run(pool, "behave").result(kPatience), 0);
}

TEST_F(FailureTable, too_few_file_descriptors__a_pool_that_cannot_fit_is_refused_in_words) {
  auto many = options();
  many.max_workers = 99'999;
  rlimit now{};
  getrlimit(RLIMIT_NOFILE, &now);
  if (now.rlim_max > 700'000) GTEST_SKIP() << "they fit";
  try {
    ProcessPoolExecutor pool(many);
    FAIL() << "it fits";
  } catch (const BrokenProcessPool& refused) {
    EXPECT_THAT(refused.what(), AllOf(HasSubstr("99999"), HasSubstr("descriptors")));
  }
}

// ---- no more threads --------------------------------------------------------------------------

/// Stacks of new threads are larger than any address space.
class HugeStacks {
 public:
  HugeStacks() {
    pthread_getattr_default_np(&before_);
    pthread_attr_t huge = before_;
    pthread_attr_setstacksize(&huge, std::size_t{1} << 47);
    set_ = pthread_setattr_default_np(&huge) == 0;
  }
  HugeStacks(const HugeStacks&) = delete;
  HugeStacks& operator=(const HugeStacks&) = delete;
  ~HugeStacks() {
    pthread_setattr_default_np(&before_);
    pthread_attr_destroy(&before_);
  }
  bool set() const { return set_; }

 private:
  pthread_attr_t before_{};
  bool set_ = false;
};

TEST_F(FailureTable, no_more_threads__the_pool_is_refused_in_words) {
  if (kSanitized) GTEST_SKIP() << "the sanitizers end a program that can start no thread";
  const HugeStacks huge;
  ASSERT_TRUE(huge.set());
  try {
    ProcessPoolExecutor pool(options());
    FAIL() << "it fits";
  } catch (const BrokenProcessPool& refused) {
    EXPECT_THAT(refused.what(), HasSubstr("can start no more threads"));
  }
}

// ---- anything at all --------------------------------------------------------------------------

TEST_F(FailureTable, anything_at_all__every_accepted_future_gets_exactly_one_outcome) {
  auto all = options();
  all.max_workers = 4;
  all.task_timeout = 300ms;
  all.output = [](const WorkerOutput&) {};
  std::vector<Future<int>> futures;
  std::atomic<int> endings{0};
  {
    ProcessPoolExecutor pool(all);
    for (int i = 0; i < 25; ++i)
      for (const char* how : {"behave", "throw", "crash", "exit", "keep a child and crash", "chat"})
        futures.push_back(run(pool, how, note_));
    for (const char* how : {"hang", "ignore SIGTERM", "keep a child and hang"})
      futures.push_back(run(pool, how, note_));
    for (auto& future : futures) future.add_done_callback([&](auto) { ++endings; });
    for (std::size_t i = 0; i < futures.size(); i += 10) futures[i].cancel();
  }
  for (const auto& future : futures) EXPECT_TRUE(future.done());
  EXPECT_EQ(endings, static_cast<int>(futures.size()));
}

}  // namespace
