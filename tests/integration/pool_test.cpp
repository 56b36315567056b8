// SPDX-License-Identifier: MIT
// The process pool with real processes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <any>
#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <flagship/flagship.hpp>
#include <fstream>
#include <numeric>
#include <ranges>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/census.hpp"
#include "tests/support/child.hpp"
#include "tests/support/gate.hpp"
#include "tests/support/patience.hpp"

namespace {

using namespace flagship;
using namespace flagship::test;
using namespace std::chrono_literals;
using testing::AllOf;
using testing::AnyOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

// ---- tasks ------------------------------------------------------------------------------------

int square(int x) { return x * x; }
int add(int a, int b) { return a + b; }
void nothing() {}
pid_t own_pid() { return getpid(); }
pid_t own_group() { return getpgrp(); }
std::string own_command() { return command_of(getpid()); }
std::string echo(const std::string& text) { return text; }
std::string letters(std::size_t count) { return std::string(count, 'x'); }
int wait_at(const std::string& gate, int value) {
  pass(gate);
  return value;
}
int count(const std::string& file) { return static_cast<int>(count_up(file)); }
void for_ever() {
  for (;;) pause();
}
void segfault() {
  signal(SIGSEGV, SIG_DFL);  // a sanitizer's handler would tell a longer story
  raise(SIGSEGV);
}
void leave(int code) { _exit(code); }
void die() { raise(SIGKILL); }
void leave_by_exit(int code) { std::exit(code); }
/// Kills its worker the first `times` times.
int die_at_first(const std::string& file, std::size_t times) {
  const std::size_t before = count_up(file);
  if (before < times) raise(SIGKILL);
  return static_cast<int>(before);
}
int throw_at_first(const std::string& file, std::size_t times) {
  const std::size_t before = count_up(file);
  if (before < times) throw std::runtime_error("not yet");
  return static_cast<int>(before);
}

struct OwnError : std::runtime_error {
  using std::runtime_error::runtime_error;
};
void throw_kind(const std::string& kind) {
  if (kind == "out_of_range") throw std::out_of_range("no such item");
  if (kind == "own") throw OwnError("of my own");
  if (kind == "int") throw 7;
  if (kind == "system") throw std::system_error(ENOENT, std::generic_category(), "opening it");
  if (kind == "bytes") throw std::runtime_error("not \xff utf-8");
  if (kind == "bad_any_cast") throw std::bad_any_cast();
}

/// Cannot be written when its number is 1, cannot be read when it is 2, ends the worker that reads
/// it when it is 3.
struct Stubborn {
  int number = 0;
};
int number_of(const Stubborn& stubborn) { return stubborn.number; }
Stubborn stubborn(int number) { return {number}; }

}  // namespace

template <>
struct flagship::serializer<Stubborn> {
  static void write(Writer& out, const Stubborn& value) {
    if (value.number == 1) throw std::runtime_error("will not be written");
    out.put(value.number);
  }
  static Stubborn read(Reader& in) {
    Stubborn value{in.get<int>()};
    if (value.number == 2) throw std::runtime_error("will not be read");
    if (value.number == 3 && std::to_string(getpid()) != getenv("FLAGSHIP_TEST_MASTER"))
      raise(SIGKILL);
    return value;
  }
};

FLAGSHIP_TASK("test.square", square)

namespace {

/// A pool within a pool's task.
int square_in_a_pool(int x) {
  ProcessPoolExecutor inner({.max_workers = 1});
  return inner.submit<square>(x).result();
}

std::string worker_died_what(Future<void> future) {
  try {
    future.result(kPatience);
  } catch (const WorkerDied& died) {
    return died.what();
  }
  return "it did not die";
}

std::string message_of(std::exception_ptr error) {
  try {
    if (error) std::rethrow_exception(error);
  } catch (const std::exception& caught) {
    return caught.what();
  } catch (...) {
    return "not a std::exception";
  }
  return "no error";
}

template <class E, class T>
bool ended_with(const Future<T>& future) {
  try {
    if (auto error = future.exception(kPatience)) std::rethrow_exception(error);
  } catch (const E& error) {
    return typeid(error) == typeid(E);
  } catch (...) {
  }
  return false;
}

template <class Futures>
void wait_for_running(const Futures& futures) {
  for (const auto& future : futures) ASSERT_TRUE(wait_until([&] { return future.running(); }));
}

std::vector<pid_t> worker_pids(const ProcessPoolExecutor& pool) {
  std::vector<pid_t> pids;
  for (const WorkerStatus& worker : pool.status().workers) pids.push_back(worker.pid);
  return pids;
}

// ---- submit and result ------------------------------------------------------------------------

TEST(Conformance, F01_submit_runs_the_call_in_a_worker_and_returns_its_future) {
  ProcessPoolExecutor pool({.max_workers = 1});
  Future<int> future = pool.submit<square>(7);
  EXPECT_EQ(future.result(kPatience), 49);
  EXPECT_EQ(future.result(), 49) << "every time";
  const pid_t pid = pool.submit<own_pid>().result(kPatience);
  EXPECT_NE(pid, getpid());
  const Outcome outcome = future.try_outcome().value();
  EXPECT_EQ(outcome.ending, Ending::returned);
  EXPECT_EQ(outcome.pid, pid);
  EXPECT_EQ(outcome.worker, 0);
  EXPECT_EQ(outcome.attempt, 1);
  EXPECT_FALSE(outcome.host.empty());
}

TEST(ProcessPool, a_captureless_lambda_can_be_submitted) {
  ProcessPoolExecutor pool({.max_workers = 1});
  EXPECT_EQ((pool.submit<[](int a, int b) { return a - b; }>(9, 4).result(kPatience)), 5);
  EXPECT_EQ((pool.submit<[](int a, int b) { return a * b; }>(9, 4).result(kPatience)), 36);
}

TEST(ProcessPool, a_call_without_result_has_a_future_of_void) {
  ProcessPoolExecutor pool({.max_workers = 1});
  Future<void> future = pool.submit<nothing>();
  future.result(kPatience);
  EXPECT_EQ(future.exception(), nullptr);
}

TEST(Conformance, F13_submit_is_safe_from_many_threads_at_once) {
  constexpr int kThreads = 8, kCalls = 2000;
  ProcessPoolExecutor pool({.max_workers = 4});
  std::atomic<long long> sum{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      std::vector<Future<int>> futures;
      for (int i = 0; i < kCalls; ++i) futures.push_back(pool.submit<add>(t, i));
      for (auto& done : as_completed(futures, kPatience)) sum += done.result();
    });
  }
  for (std::thread& thread : threads) thread.join();
  long long expected = 0;
  for (int t = 0; t < kThreads; ++t)
    for (int i = 0; i < kCalls; ++i) expected += t + i;
  EXPECT_EQ(sum, expected);
}

TEST(Conformance, F14_a_huge_number_of_calls_can_be_submitted_fast) {
  ProcessPoolExecutor pool({.max_workers = 2});
  std::vector<Future<int>> futures;
  for (int i = 0; i < 50'000; ++i) futures.push_back(pool.submit<add>(i, 1));
  for (int i = 0; i < 50'000; ++i)
    ASSERT_EQ(futures[static_cast<std::size_t>(i)].result(kPatience), i + 1);
}

TEST(Conformance, E01_as_completed_yields_each_call_of_a_pool_once) {
  ProcessPoolExecutor pool({.max_workers = 3});
  std::vector<Future<int>> futures;
  for (int i = 0; i < 500; ++i) futures.push_back(pool.submit<square>(i));
  std::multiset<int> results;
  for (auto& done : as_completed(futures, kPatience)) results.insert(done.result());
  EXPECT_THAT(results, SizeIs(500));
  EXPECT_EQ(std::set<int>(results.begin(), results.end()).size(), 500u);
}

TEST(Conformance, A03_running_is_true_only_once_a_worker_has_begun_the_call) {
  Gate gate;
  ProcessPoolExecutor pool({.max_workers = 1});
  Future<int> first = pool.submit<wait_at>(gate.path(), 1);
  Future<int> second = pool.submit<wait_at>(gate.path(), 2);
  ASSERT_TRUE(wait_until([&] { return first.running(); }));
  EXPECT_EQ(second.state(), State::pending);
  gate.open();
  EXPECT_EQ(second.result(kPatience), 2);
  EXPECT_EQ(first.state(), State::finished);
}

TEST(ProcessPool, running_callbacks_run_when_a_worker_has_begun_the_call) {
  Gate gate;
  ProcessPoolExecutor pool({.max_workers = 1});
  std::atomic<bool> told{false};
  Future<int> future = pool.with({.notify_running = true}).submit<wait_at>(gate.path(), 1);
  future.add_running_callback([&](const Future<int>& f) { told = f.running(); });
  EXPECT_TRUE(wait_until([&] { return told.load(); }));
  gate.open();
  future.result(kPatience);
}

TEST(ProcessPool, a_named_task_is_found_by_its_name) {
  ProcessPoolExecutor pool({.max_workers = 1});
  EXPECT_EQ(pool.submit_named<int>("test.square", 6).result(kPatience), 36);
}

TEST(ProcessPool, a_name_that_no_worker_knows_gives_UnknownTask_with_the_name) {
  ProcessPoolExecutor pool({.max_workers = 1});
  Future<int> future = pool.submit_named<int>("test.no_such", 6);
  EXPECT_TRUE(ended_with<UnknownTask>(future));
  EXPECT_THAT(message_of(future.exception()), HasSubstr("test.no_such"));
  EXPECT_EQ(pool.submit<square>(2).result(kPatience), 4);
}

TEST(ProcessPool, arguments_of_other_types_than_the_named_task_takes_are_refused) {
  ProcessPoolExecutor pool({.max_workers = 1});
  EXPECT_TRUE(ended_with<SerializationError>(pool.submit_named<int>("test.square", 6, 7)));
  EXPECT_TRUE(ended_with<SerializationError>(pool.submit_named<int>("test.square", 6LL)));
  EXPECT_TRUE(ended_with<SerializationError>(pool.submit_named<int>("test.square", char{6})));
  EXPECT_TRUE(ended_with<SerializationError>(pool.submit_named<char>("test.square", 6)));
}

TEST(ProcessPool, another_executable_can_be_the_worker) {
  ProcessPoolExecutor pool({.max_workers = 1, .worker_executable = TEST_OTHER_WORKER});
  EXPECT_EQ(pool.submit_named<std::string>("test.greet", std::string("you")).result(kPatience),
            "hello you, from elsewhere");
  EXPECT_TRUE(ended_with<UnknownTask>(pool.submit<square>(1)));
}

// ---- exceptions -------------------------------------------------------------------------------

TEST(Conformance, G01_the_exception_keeps_its_type_across_the_process_border) {
  ProcessPoolExecutor pool({.max_workers = 1});
  EXPECT_TRUE(ended_with<std::out_of_range>(pool.submit<throw_kind>("out_of_range")));
  EXPECT_TRUE(ended_with<std::bad_any_cast>(pool.submit<throw_kind>("bad_any_cast")));
  EXPECT_EQ(message_of(pool.submit<throw_kind>("out_of_range").exception()), "no such item");
  const auto error = pool.submit<throw_kind>("system").exception();
  try {
    std::rethrow_exception(error);
  } catch (const std::system_error& system) {
    EXPECT_EQ(system.code(), std::errc::no_such_file_or_directory);
    EXPECT_STREQ(system.what(), "opening it: No such file or directory");
  }
}

TEST(Conformance, G04_a_call_that_throws_leaves_the_pool_usable) {
  ProcessPoolExecutor pool({.max_workers = 1});
  const pid_t before = pool.submit<own_pid>().result(kPatience);
  EXPECT_TRUE(ended_with<RemoteError>(pool.submit<throw_kind>("int")));
  EXPECT_EQ(pool.submit<own_pid>().result(kPatience), before);
}

TEST(ProcessPool, an_exception_of_the_tasks_own_type_comes_as_RemoteError) {
  ProcessPoolExecutor pool({.max_workers = 1});
  const auto error = pool.submit<throw_kind>("own").exception(kPatience);
  try {
    std::rethrow_exception(error);
  } catch (const RemoteError& remote) {
    EXPECT_THAT(remote.type_name(), HasSubstr("OwnError"));
    EXPECT_THAT(remote.what(), HasSubstr("of my own"));
  }
}

TEST(ProcessPool, a_message_that_is_not_utf8_arrives_as_it_is) {
  ProcessPoolExecutor pool({.max_workers = 1});
  Future<void> future = pool.submit<throw_kind>("bytes");
  EXPECT_TRUE(ended_with<std::runtime_error>(future));
  EXPECT_EQ(message_of(future.exception()), "not \xff utf-8");
}

TEST(ProcessPool, a_call_that_threw_is_made_again_as_often_as_asked) {
  Folder folder;
  ProcessPoolExecutor pool({.max_workers = 1});
  const auto patient = pool.with({.retries = 3});
  Future<int> future = patient.submit<throw_at_first>(folder.path("a"), std::size_t{3});
  EXPECT_EQ(future.result(kPatience), 3);
  EXPECT_EQ(future.try_outcome()->attempt, 4);
  EXPECT_TRUE(ended_with<std::runtime_error>(
      patient.submit<throw_at_first>(folder.path("b"), std::size_t{4})));
  EXPECT_EQ(counted(folder.path("b")), 4u);
}

// ---- payloads ---------------------------------------------------------------------------------

TEST(Conformance, G05_an_argument_that_cannot_be_written_fails_only_its_own_future) {
  ProcessPoolExecutor pool({.max_workers = 1});
  Future<int> future = pool.submit<number_of>(Stubborn{1});
  EXPECT_EQ(message_of(future.exception(kPatience)), "will not be written");
  EXPECT_EQ(pool.submit<number_of>(Stubborn{5}).result(kPatience), 5);
}

TEST(Conformance, G07_an_argument_that_cannot_be_read_fails_only_its_own_future) {
  ProcessPoolExecutor pool({.max_workers = 1});
  Future<int> future = pool.submit<number_of>(Stubborn{2});
  EXPECT_TRUE(ended_with<SerializationError>(future));
  EXPECT_THAT(message_of(future.exception()), HasSubstr("will not be read"));
  EXPECT_EQ(pool.submit<number_of>(Stubborn{5}).result(kPatience), 5);
}

TEST(Conformance, G08_an_argument_that_kills_its_reader_fails_only_its_own_future) {
  ProcessPoolExecutor pool({.max_workers = 1});
  EXPECT_TRUE(ended_with<WorkerDied>(pool.submit<number_of>(Stubborn{3})));
  EXPECT_EQ(pool.submit<number_of>(Stubborn{5}).result(kPatience), 5);
}

TEST(Conformance, G10_a_result_that_cannot_be_written_fails_only_its_own_future) {
  ProcessPoolExecutor pool({.max_workers = 1});
  EXPECT_THAT(message_of(pool.submit<stubborn>(1).exception(kPatience)),
              HasSubstr("will not be written"));
  EXPECT_EQ(pool.submit<stubborn>(5).result(kPatience).number, 5);
}

TEST(Conformance, G12_a_result_that_cannot_be_read_fails_only_its_own_future) {
  ProcessPoolExecutor pool({.max_workers = 1});
  Future<Stubborn> future = pool.submit<stubborn>(2);
  EXPECT_TRUE(ended_with<SerializationError>(future));
  EXPECT_EQ(pool.submit<stubborn>(5).result(kPatience).number, 5);
}

TEST(ProcessPool, payloads_of_eight_mebibytes_travel_both_ways) {
  ProcessPoolExecutor pool({.max_workers = 2});
  std::vector<std::string> texts;
  std::vector<Future<std::string>> futures;
  for (std::size_t i = 0; i < 4; ++i) {
    texts.emplace_back((8u << 20) + i, static_cast<char>('a' + i));
    futures.push_back(pool.submit<echo>(texts.back()));
  }
  for (std::size_t i = 0; i < 4; ++i) EXPECT_TRUE(futures[i].result(kPatience) == texts[i]);
}

TEST(ProcessPool, payloads_around_the_size_that_travels_by_itself_arrive_whole) {
  ProcessPoolExecutor pool({.max_workers = 1});
  std::vector<Future<std::string>> futures;
  for (std::size_t size = 65'536 - 8; size < 65'536 + 8; ++size)
    futures.push_back(pool.submit<letters>(size)),
        futures.push_back(pool.submit<echo>(letters(size)));
  std::size_t size = 65'536 - 8;
  for (std::size_t i = 0; i < futures.size(); ++i)
    EXPECT_EQ(futures[i].result(kPatience).size(), size + i / 2);
}

TEST(ProcessPool, arguments_above_max_message_bytes_fail_only_their_own_future) {
  ProcessPoolExecutor pool({.max_workers = 1, .max_message_bytes = 1000});
  EXPECT_TRUE(ended_with<SerializationError>(pool.submit<echo>(letters(1000))));
  EXPECT_EQ(pool.submit<echo>(letters(900)).result(kPatience).size(), 900u);
}

TEST(ProcessPool, results_above_max_message_bytes_fail_only_their_own_future) {
  ProcessPoolExecutor pool({.max_workers = 1, .max_message_bytes = 1000});
  Future<std::string> future = pool.submit<letters>(std::size_t{1000});
  EXPECT_TRUE(ended_with<SerializationError>(future));
  EXPECT_THAT(message_of(future.exception()), HasSubstr("max_message_bytes"));
  EXPECT_EQ(pool.submit<letters>(std::size_t{900}).result(kPatience).size(), 900u);
}

// ---- deaths -----------------------------------------------------------------------------------

TEST(Conformance, H04_a_segfault_ends_its_call_with_WorkerDied_and_the_facts) {
  ProcessPoolExecutor pool({.max_workers = 1});
  const pid_t pid = pool.submit<own_pid>().result(kPatience);
  Future<void> future = pool.submit<segfault>();
  try {
    future.result(kPatience);
    FAIL() << "it returned";
  } catch (const WorkerDied& died) {
    EXPECT_EQ(died.pid(), pid);
    EXPECT_EQ(died.signal(), SIGSEGV);
    EXPECT_EQ(died.signal_name(), "SIGSEGV");
    EXPECT_EQ(died.exit_code(), -1);
    EXPECT_EQ(died.attempt(), 1);
    EXPECT_THAT(died.task(), HasSubstr("segfault"));
    EXPECT_GT(died.peak_rss(), 0u);
    EXPECT_THAT(died.what(), AllOf(HasSubstr("SIGSEGV"), HasSubstr(std::to_string(pid))));
  }
  EXPECT_EQ(future.try_outcome()->ending, Ending::worker_died);
  EXPECT_EQ(future.try_outcome()->pid, pid) << "the outcome says where it ran, too";
  EXPECT_EQ(pool.submit<square>(3).result(kPatience), 9) << "the pool is whole";
  EXPECT_EQ(pool.status().deaths, 1u);
}

TEST(Conformance, G03_a_call_that_exits_ends_with_WorkerDied_and_the_exit_code) {
  ProcessPoolExecutor pool({.max_workers = 1});
  EXPECT_THAT(worker_died_what(pool.submit<leave>(99)), HasSubstr("exited with code 99"));
  EXPECT_THAT(worker_died_what(pool.submit<leave_by_exit>(3)), HasSubstr("exited with code 3"));
  EXPECT_THAT(worker_died_what(pool.submit<leave>(0)), HasSubstr("exited with code 0"));
  EXPECT_EQ(pool.submit<square>(3).result(kPatience), 9);
}

TEST(Conformance, H01_a_worker_killed_from_outside_ends_its_call_and_no_other) {
  Gate gate;
  ProcessPoolExecutor pool({.max_workers = 3});
  std::vector<Future<int>> running, waiting;
  for (int i = 0; i < 3; ++i) running.push_back(pool.submit<wait_at>(gate.path(), i));
  for (int i = 0; i < 20; ++i) waiting.push_back(pool.submit<square>(i));
  wait_for_running(running);
  const pid_t victim = pool.status().workers.at(1).pid;
  kill(victim, SIGKILL);
  std::size_t died = 0;
  ASSERT_TRUE(wait_until([&] {
    died = static_cast<std::size_t>(std::ranges::count_if(running, &Future<int>::done));
    return died > 0;
  }));
  EXPECT_EQ(died, 1u);
  gate.open();
  for (Future<int>& future : running) {
    if (future.exception(kPatience) == nullptr) continue;
    EXPECT_TRUE(ended_with<WorkerDied>(future));
    --died;
  }
  EXPECT_EQ(died, 0u);
  for (int i = 0; i < 20; ++i)
    EXPECT_EQ(waiting[static_cast<std::size_t>(i)].result(kPatience), i * i);
}

TEST(ProcessPool, a_worker_is_replaced_while_calls_wait_for_it) {
  ProcessPoolExecutor pool({.max_workers = 1});
  std::vector<Future<void>> dying;
  for (int i = 0; i < 10; ++i) dying.push_back(pool.submit<leave>(i));
  Future<int> last = pool.submit<square>(4);
  for (int i = 0; i < 10; ++i)
    EXPECT_THAT(worker_died_what(dying[static_cast<std::size_t>(i)]),
                HasSubstr("exited with code " + std::to_string(i)));
  EXPECT_EQ(last.result(kPatience), 16);
  EXPECT_EQ(pool.status().deaths, 10u);
}

TEST(ProcessPool, calls_that_a_dead_worker_held_and_had_not_begun_run_elsewhere_once) {
  Folder folder;
  ProcessPoolExecutor pool({.max_workers = 1});
  for (int i = 0; i < 100; ++i) pool.submit<nothing>();  // short calls: more are held ahead
  pool.submit<nothing>().result(kPatience);
  Future<void> killer = pool.submit<for_ever>();
  std::vector<Future<int>> behind;
  for (int i = 0; i < 50; ++i) behind.push_back(pool.submit<count>(folder.path(std::to_string(i))));
  ASSERT_TRUE(wait_until([&] { return killer.running(); }));
  ASSERT_TRUE(wait_until([&] { return pool.status().held > 1; })) << "the rest is behind it";
  kill(worker_pids(pool).at(0), SIGKILL);
  EXPECT_TRUE(ended_with<WorkerDied>(killer));
  for (int i = 0; i < 50; ++i) {
    Future<int>& future = behind[static_cast<std::size_t>(i)];
    EXPECT_EQ(future.result(kPatience), 0);
    EXPECT_EQ(counted(folder.path(std::to_string(i))), 1u);
    EXPECT_EQ(future.try_outcome()->attempt, 1);
  }
}

TEST(ProcessPool, with_retry_a_call_whose_worker_died_succeeds_elsewhere) {
  Folder folder;
  ProcessPoolExecutor pool({.max_workers = 1, .on_worker_death = OnWorkerDeath::retry});
  Future<int> future = pool.submit<die_at_first>(folder.path("a"), std::size_t{2});
  EXPECT_EQ(future.result(kPatience), 2);
  EXPECT_EQ(future.try_outcome()->attempt, 3);
}

TEST(ProcessPool, with_retry_a_call_begins_max_attempts_times_at_most) {
  Folder folder;
  ProcessPoolExecutor pool(
      {.max_workers = 1, .on_worker_death = OnWorkerDeath::retry, .max_attempts = 2});
  Future<int> future = pool.submit<die_at_first>(folder.path("a"), std::size_t{100});
  try {
    future.result(kPatience);
    FAIL() << "it returned";
  } catch (const WorkerDied& died) {
    EXPECT_EQ(died.attempt(), 2);
  }
  EXPECT_EQ(counted(folder.path("a")), 2u);
  EXPECT_EQ(pool.submit<square>(3).result(kPatience), 9);
}

TEST(Conformance, H03_with_break_pool_one_death_breaks_the_pool) {
  Gate gate;
  ProcessPoolExecutor pool({.max_workers = 2, .on_worker_death = OnWorkerDeath::break_pool});
  Future<int> other = pool.submit<wait_at>(gate.path(), 1);
  ASSERT_TRUE(wait_until([&] { return other.running(); }));
  Future<void> culprit = pool.submit<leave>(99);
  std::vector<Future<int>> waiting;
  for (int i = 0; i < 10; ++i) waiting.push_back(pool.submit<wait_at>(gate.path(), i));
  EXPECT_TRUE(ended_with<WorkerDied>(culprit));
  EXPECT_TRUE(ended_with<BrokenProcessPool>(other));
  for (Future<int>& future : waiting) EXPECT_TRUE(ended_with<BrokenProcessPool>(future));
  EXPECT_THAT(message_of(waiting[0].exception()), HasSubstr("exited with code 99"));
  EXPECT_NE(waiting[0].exception(), waiting[1].exception()) << "each has an exception of its own";
  ASSERT_TRUE(wait_until([&] {
    try {
      pool.submit<nothing>();
    } catch (const BrokenProcessPool&) {
      return true;
    }
    return false;
  }));
  EXPECT_TRUE(wait_until([&] { return worker_pids(pool).empty(); })) << "H08";
  pool.terminate_workers();  // L05
}

TEST(ProcessPool, an_idle_worker_that_is_killed_harms_nobody) {
  ProcessPoolExecutor pool({.max_workers = 1});
  for (int i = 0; i < 5; ++i) {
    const pid_t pid = pool.submit<own_pid>().result(kPatience);
    kill(pid, SIGKILL);
    ASSERT_TRUE(wait_until([&] { return worker_pids(pool).empty(); }));
  }
  EXPECT_EQ(pool.submit<square>(3).result(kPatience), 9);
}

TEST(ProcessPool, the_process_that_clones_workers_may_be_killed) {
  ProcessPoolExecutor pool({.max_workers = 2});
  const pid_t worker = pool.submit<own_pid>().result(kPatience);
  for (const pid_t child : child_processes())
    if (child != worker) kill(child, SIGKILL);
  kill(worker, SIGKILL);
  ASSERT_TRUE(wait_until([&] { return worker_pids(pool).empty(); }));
  EXPECT_EQ(pool.submit<square>(3).result(kPatience), 9);
}

TEST(Conformance, G14_a_worker_killed_amid_large_messages_hangs_nobody) {
  ProcessPoolExecutor pool(
      {.max_workers = 2, .on_worker_death = OnWorkerDeath::retry, .max_attempts = 100});
  const std::string large = letters(16u << 20);
  std::vector<Future<std::string>> futures;
  for (int i = 0; i < 6; ++i) futures.push_back(pool.submit<echo>(large));
  std::atomic<bool> done{false};
  std::thread killer([&] {
    for (int i = 0; i < 4 && !done; ++i) {
      wait_until([&] { return done || !worker_pids(pool).empty(); });
      for (const pid_t pid : worker_pids(pool)) kill(pid, SIGKILL);
    }
  });
  for (auto& future : futures) EXPECT_EQ(future.result(kPatience).size(), large.size());
  done = true;
  killer.join();
}

TEST(ProcessPool, deaths_at_any_moment_leave_every_future_with_one_outcome) {
  ProcessPoolExecutor pool({.max_workers = 3});
  std::vector<Future<int>> futures;
  for (int i = 0; i < 3000; ++i) futures.push_back(pool.submit<square>(i));
  for (int i = 0; i < 10; ++i) {
    const auto pids = worker_pids(pool);
    if (!pids.empty()) kill(pids[static_cast<std::size_t>(i) % pids.size()], SIGKILL);
  }
  for (int i = 0; i < 3000; ++i) {
    Future<int>& future = futures[static_cast<std::size_t>(i)];
    if (future.exception(kPatience))
      EXPECT_TRUE(ended_with<WorkerDied>(future));
    else
      EXPECT_EQ(future.result(), i * i);
  }
  EXPECT_EQ(pool.submit<square>(3).result(kPatience), 9);
}

TEST(ProcessPool, a_call_may_be_looked_at_while_its_worker_dies) {
  ProcessPoolExecutor pool({.max_workers = 2});
  for (int i = 0; i < 200; ++i) {
    Future<void> future = pool.submit<die>();
    std::thread canceller([&] {
      while (!future.done()) future.cancel();
    });
    while (!future.done()) future.state();
    canceller.join();
  }
}

TEST(ProcessPool, with_retry_no_call_is_lost_by_deaths_at_any_moment) {
  ProcessPoolExecutor pool(
      {.max_workers = 2, .on_worker_death = OnWorkerDeath::retry, .max_attempts = 1000});
  std::vector<Future<int>> futures;
  for (int round = 0; round < 10; ++round) {
    for (int i = 0; i < 300; ++i) futures.push_back(pool.submit<square>(i));
    // One that got through: workers that all die before they work at all break the pool, and
    // rightly so.
    futures[futures.size() - 300].result(kPatience);
    for (const pid_t pid : worker_pids(pool)) kill(pid, SIGKILL);
  }
  for (std::size_t i = 0; i < futures.size(); ++i) {
    const int x = static_cast<int>(i % 300);
    ASSERT_EQ(futures[i].result(kPatience), x * x);
  }
}

// ---- cancelling -------------------------------------------------------------------------------

TEST(Conformance, A05_a_pending_call_can_be_cancelled_and_never_runs) {
  Gate gate;
  Folder folder;
  ProcessPoolExecutor pool({.max_workers = 1});
  Future<int> running = pool.submit<wait_at>(gate.path(), 1);
  ASSERT_TRUE(wait_until([&] { return running.running(); }));
  std::vector<Future<int>> pending;
  for (int i = 0; i < 10; ++i) pending.push_back(pool.submit<count>(folder.path("ran")));
  for (Future<int>& future : pending) {
    EXPECT_TRUE(future.cancel());
    EXPECT_TRUE(future.cancelled());
    EXPECT_THROW(future.result(), CancelledError);
  }
  EXPECT_FALSE(running.cancel()) << "A06";
  gate.open();
  EXPECT_EQ(running.result(kPatience), 1);
  EXPECT_FALSE(running.cancel());
  pool.shutdown();
  EXPECT_EQ(counted(folder.path("ran")), 0u);
}

TEST(Conformance, F11_a_call_that_a_worker_holds_and_has_not_begun_can_be_cancelled) {
  Gate gate;
  Folder folder;
  ProcessPoolExecutor pool({.max_workers = 1});
  for (int i = 0; i < 100; ++i) pool.submit<nothing>();
  pool.submit<nothing>().result(kPatience);
  Future<int> running = pool.submit<wait_at>(gate.path(), 1);
  std::vector<Future<int>> held;
  for (int i = 0; i < 20; ++i) held.push_back(pool.submit<count>(folder.path("ran")));
  ASSERT_TRUE(wait_until([&] { return running.running(); }));
  ASSERT_TRUE(wait_until([&] { return pool.status().held > 1; }));
  for (Future<int>& future : held) {
    EXPECT_EQ(future.state(), State::pending);
    EXPECT_TRUE(future.cancel());
  }
  Future<int> last = pool.submit<square>(5);
  gate.open();
  EXPECT_EQ(last.result(kPatience), 25);
  pool.shutdown();
  EXPECT_EQ(counted(folder.path("ran")), 0u);
}

TEST(ProcessPool, cancelling_while_calls_are_handed_over_loses_none) {
  ProcessPoolExecutor pool({.max_workers = 2});
  std::vector<Future<int>> futures;
  for (int i = 0; i < 5000; ++i) {
    futures.push_back(pool.submit<square>(i));
    if (i % 3 == 0) futures[static_cast<std::size_t>(i) / 2].cancel();
  }
  for (int i = 0; i < 5000; ++i) {
    Future<int>& future = futures[static_cast<std::size_t>(i)];
    try {
      EXPECT_EQ(future.result(kPatience), i * i);
    } catch (const CancelledError&) {
    }
  }
}

// ---- the end of a pool ------------------------------------------------------------------------

TEST(Conformance, K01_submit_after_shutdown_throws) {
  ProcessPoolExecutor pool({.max_workers = 1});
  pool.submit<nothing>();
  pool.shutdown();
  EXPECT_THROW(pool.submit<nothing>(), ShutdownError);
  pool.shutdown();  // K07
}

TEST(Conformance, K02_shutdown_returns_after_all_work_is_done_and_all_workers_are_gone) {
  ProcessPoolExecutor pool({.max_workers = 2});
  std::vector<Future<int>> futures;
  for (int i = 0; i < 100; ++i) futures.push_back(pool.submit<square>(i));
  pool.shutdown();
  for (const Future<int>& future : futures) EXPECT_TRUE(future.done());
  EXPECT_THAT(child_processes(), IsEmpty());
  for (int i = 0; i < 100; ++i) EXPECT_EQ(futures[static_cast<std::size_t>(i)].result(), i * i);
}

TEST(Conformance, K03_shutdown_without_wait_returns_while_calls_run_and_they_end) {
  Gate gate;
  ProcessPoolExecutor pool({.max_workers = 1});
  Future<int> running = pool.submit<wait_at>(gate.path(), 1);
  Future<int> waiting = pool.submit<square>(5);
  pool.shutdown({.wait = false});
  EXPECT_FALSE(running.done());
  EXPECT_THROW(pool.submit<nothing>(), ShutdownError);
  gate.open();
  EXPECT_EQ(running.result(kPatience), 1);
  EXPECT_EQ(waiting.result(kPatience), 25);
}

TEST(Conformance, K04_shutdown_with_cancel_futures_cancels_what_has_not_begun) {
  Gate gate;
  ProcessPoolExecutor pool({.max_workers = 2});
  std::vector<Future<int>> running, waiting;
  for (int i = 0; i < 2; ++i) running.push_back(pool.submit<wait_at>(gate.path(), i));
  wait_for_running(running);
  for (int i = 0; i < 50; ++i) waiting.push_back(pool.submit<square>(i));
  pool.shutdown({.wait = false, .cancel_futures = true});
  for (const Future<int>& future : waiting)
    EXPECT_THROW(future.exception(kPatience), CancelledError);
  gate.open();
  pool.shutdown();
  for (int i = 0; i < 2; ++i) EXPECT_EQ(running[static_cast<std::size_t>(i)].result(), i);
}

TEST(Conformance, K10_the_destructor_lets_submitted_work_finish) {
  std::vector<Future<int>> futures;
  {
    ProcessPoolExecutor pool({.max_workers = 2});
    for (int i = 0; i < 100; ++i) futures.push_back(pool.submit<square>(i));
  }
  for (int i = 0; i < 100; ++i) EXPECT_EQ(futures[static_cast<std::size_t>(i)].result(0s), i * i);
}

TEST(Conformance, K12_shutdown_right_after_submit_and_cancel_does_not_hang) {
  for (int i = 0; i < 20; ++i) {
    ProcessPoolExecutor pool({.max_workers = 1});
    Future<int> future = pool.submit<square>(3);
    future.cancel();
  }
}

TEST(Conformance, K13_a_worker_that_dies_after_shutdown_was_called_does_not_block_it) {
  Gate gate;
  ProcessPoolExecutor pool({.max_workers = 1});
  Future<void> running = pool.submit<for_ever>();
  Future<int> waiting = pool.submit<square>(5);
  ASSERT_TRUE(wait_until([&] { return running.running(); }));
  const pid_t pid = worker_pids(pool).at(0);
  pool.shutdown({.wait = false});
  kill(pid, SIGKILL);
  pool.shutdown();
  EXPECT_TRUE(ended_with<WorkerDied>(running));
  EXPECT_EQ(waiting.result(), 25);
}

TEST(ProcessPool, shutdown_from_many_threads_returns_in_each_after_the_end) {
  ProcessPoolExecutor pool({.max_workers = 2});
  std::vector<Future<int>> futures;
  for (int i = 0; i < 100; ++i) futures.push_back(pool.submit<square>(i));
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      pool.shutdown();
      for (const Future<int>& future : futures) EXPECT_TRUE(future.done());
    });
  }
  for (std::thread& thread : threads) thread.join();
}

void stop_workers(int signal) {
  Gate gate;
  Folder folder;
  ProcessPoolExecutor pool({.max_workers = 2});
  std::vector<Future<void>> running;
  for (int i = 0; i < 2; ++i) running.push_back(pool.submit<for_ever>());
  wait_for_running(running);
  std::vector<Future<int>> waiting;
  for (int i = 0; i < 10; ++i) waiting.push_back(pool.submit<count>(folder.path("ran")));
  if (signal == SIGTERM)
    pool.terminate_workers();
  else
    pool.kill_workers();
  EXPECT_THROW(pool.submit<nothing>(), ShutdownError) << "L04";
  for (const Future<void>& future : running) {
    EXPECT_TRUE(ended_with<WorkerDied>(future));
    EXPECT_THAT(message_of(future.exception()),
                HasSubstr(signal == SIGTERM ? "SIGTERM" : "SIGKILL"));
  }
  for (const Future<int>& future : waiting)
    EXPECT_THROW(future.exception(kPatience), CancelledError);
  pool.shutdown();
  EXPECT_EQ(counted(folder.path("ran")), 0u);
}

TEST(Conformance, L01_terminate_workers_ends_what_runs_and_cancels_the_rest) {
  stop_workers(SIGTERM);
}
TEST(Conformance, L02_kill_workers_ends_what_runs_and_cancels_the_rest) { stop_workers(SIGKILL); }

TEST(Conformance, L06_terminate_without_workers_only_shuts_down) {
  ProcessPoolExecutor pool({.max_workers = 2});
  pool.terminate_workers();
  EXPECT_THROW(pool.submit<nothing>(), ShutdownError);
}

TEST(ProcessPool, terminate_while_workers_start_leaves_no_call_without_an_outcome) {
  for (int i = 0; i < 20; ++i) {
    ProcessPoolExecutor pool({.max_workers = 2});
    std::vector<Future<int>> futures;
    for (int k = 0; k < 10; ++k) futures.push_back(pool.submit<square>(k));
    pool.terminate_workers();
    for (const Future<int>& future : futures)
      EXPECT_TRUE(wait_until([&] { return future.done(); }));
  }
}

// ---- workers as processes ---------------------------------------------------------------------

TEST(Conformance, F03_a_negative_max_workers_is_an_invalid_argument) {
  EXPECT_THROW(ProcessPoolExecutor({.max_workers = -1}), std::invalid_argument);
  EXPECT_THROW(ProcessPoolExecutor({.max_attempts = 0}), std::invalid_argument);
}

TEST(Conformance, F06_calls_one_after_another_reuse_one_worker) {
  ProcessPoolExecutor pool({.max_workers = 4});
  std::set<pid_t> pids;
  for (int i = 0; i < 20; ++i) pids.insert(pool.submit<own_pid>().result(kPatience));
  EXPECT_THAT(pids, SizeIs(1));
}

TEST(Conformance, F08_a_backlog_runs_in_exactly_max_workers_processes) {
  Gate gate;
  ProcessPoolExecutor pool({.max_workers = 3});
  std::vector<Future<int>> futures;
  for (int i = 0; i < 12; ++i) futures.push_back(pool.submit<wait_at>(gate.path(), i));
  ASSERT_TRUE(wait_until([&] { return pool.status().running == 3; }));
  EXPECT_THAT(pool.status().workers, SizeIs(3));
  gate.open();
  for (Future<int>& future : futures) future.result(kPatience);
}

TEST(ProcessPool, an_eager_pool_has_its_workers_before_any_work) {
  ProcessPoolExecutor pool({.max_workers = 2, .eager = true});
  EXPECT_TRUE(wait_until([&] { return pool.status().workers.size() == 2; }));
}

TEST(ProcessPool, workers_are_named_in_ps) {
  ProcessPoolExecutor pool({.max_workers = 1, .name = "harbour"});
  EXPECT_THAT(pool.submit<own_command>().result(kPatience), HasSubstr("harbour/worker-0"));
}

TEST(ProcessPool, each_worker_leads_a_process_group_of_its_own) {
  ProcessPoolExecutor pool({.max_workers = 1});
  EXPECT_EQ(pool.submit<own_group>().result(kPatience), pool.submit<own_pid>().result(kPatience));
}

pid_t start_child() {
  const pid_t child = fork();
  if (child == 0) for_ever();
  return child;
}

TEST(Conformance, L03_what_a_task_started_dies_with_its_workers_group) {
  ProcessPoolExecutor pool({.max_workers = 1});
  const pid_t grandchild = pool.submit<start_child>().result(kPatience);
  EXPECT_FALSE(is_gone(grandchild));
  pool.kill_workers();
  EXPECT_TRUE(wait_until([&] { return is_gone(grandchild); }));
}

TEST(ProcessPool, what_a_task_started_is_gone_after_shutdown) {
  pid_t grandchild = 0;
  {
    ProcessPoolExecutor pool({.max_workers = 1});
    grandchild = pool.submit<start_child>().result(kPatience);
  }
  EXPECT_TRUE(wait_until([&] { return is_gone(grandchild); }));
}

/// How often a thread has gone to sleep.
long sleeps(const std::string& task) {
  std::ifstream status(task + "/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("voluntary_ctxt_switches:")) return std::stol(line.substr(24));
  return -1;
}

std::string task_named(const std::string& name) {
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    std::ifstream comm(task.path() / "comm");
    std::string found;
    if (std::getline(comm, found) && found == name) return task.path();
  }
  return {};
}

TEST(ProcessPool, an_idle_pool_sleeps) {
  ProcessPoolExecutor pool({.max_workers = 1});
  const pid_t worker = pool.submit<own_pid>().result(kPatience);
  for (const std::string& task : {task_named("flagship-loop"), "/proc/" + std::to_string(worker)}) {
    ASSERT_GE(sleeps(task), 0) << task;
    EXPECT_TRUE(wait_until([&] {
      const long before = sleeps(task);
      std::this_thread::sleep_for(5 * kSoon);
      return sleeps(task) == before;
    })) << "it wakes again and again";
  }
}

TEST(ProcessPool, status_counts_what_is_queued_held_and_running) {
  Gate gate;
  ProcessPoolExecutor pool({.max_workers = 2});
  EXPECT_THAT(pool.status().workers, IsEmpty());
  std::vector<Future<int>> futures;
  for (int i = 0; i < 5; ++i) futures.push_back(pool.submit<wait_at>(gate.path(), i));
  ASSERT_TRUE(wait_until([&] { return pool.status().running == 2; }));
  const PoolStatus status = pool.status();
  EXPECT_EQ(status.queued, 3u);
  EXPECT_EQ(status.held, 2u);
  EXPECT_EQ(status.deaths, 0u);
  ASSERT_THAT(status.workers, SizeIs(2));
  for (const WorkerStatus& worker : status.workers) {
    EXPECT_EQ(worker.state, WorkerState::busy);
    EXPECT_EQ(worker.held, 1u);
    EXPECT_FALSE(is_gone(worker.pid));
  }
  gate.open();
  for (Future<int>& future : futures) future.result(kPatience);
  ASSERT_TRUE(wait_until([&] { return pool.status().held == 0; }));
  EXPECT_EQ(pool.status().workers.at(0).state, WorkerState::idle);
}

TEST(ProcessPool, status_after_shutdown_answers_at_once) {
  ProcessPoolExecutor pool({.max_workers = 1});
  pool.submit<nothing>().result(kPatience);
  pool.shutdown();
  EXPECT_THAT(pool.status().workers, IsEmpty());
}

TEST(ProcessPool, status_can_be_asked_in_a_callback) {
  Gate gate;
  ProcessPoolExecutor pool({.max_workers = 1});
  Future<int> future = pool.submit<wait_at>(gate.path(), 1);
  std::atomic<std::size_t> workers{99};
  future.add_done_callback([&](const Future<int>&) { workers = pool.status().workers.size(); });
  gate.open();
  ASSERT_TRUE(wait_until([&] { return workers != 99; }));
  EXPECT_EQ(workers, 1u);
}

TEST(ProcessPool, callbacks_may_submit) {
  ProcessPoolExecutor pool({.max_workers = 2});
  std::atomic<int> left{100};
  std::atomic<int> sum{0};
  std::function<void(const Future<int>&)> again = [&](const Future<int>& done) {
    sum += done.result();
    if (--left > 0) pool.submit<square>(1).add_done_callback(again);
  };
  pool.submit<square>(1).add_done_callback(again);
  EXPECT_TRUE(wait_until([&] { return sum == 100; }));
}

TEST(ProcessPool, callbacks_may_shut_the_pool_down) {
  ProcessPoolExecutor pool({.max_workers = 1});
  std::atomic<bool> called{false};
  pool.submit<square>(1).add_done_callback([&](const Future<int>&) {
    pool.shutdown();
    called = true;
  });
  EXPECT_TRUE(wait_until([&] { return called.load(); }));
  EXPECT_THROW(pool.submit<nothing>(), ShutdownError);
}

TEST(Conformance, F17_a_pool_within_a_task_works) {
  ProcessPoolExecutor pool({.max_workers = 2});
  std::vector<Future<int>> futures;
  for (int i = 0; i < 4; ++i) futures.push_back(pool.submit<square_in_a_pool>(i));
  for (int i = 0; i < 4; ++i)
    EXPECT_EQ(futures[static_cast<std::size_t>(i)].result(kPatience), i * i);
}

TEST(Conformance, O07_two_hundred_pools_leave_nothing) {
  for (int i = 0; i < 200; ++i) {
    ProcessPoolExecutor pool({.max_workers = 1});
    if (i % 2 == 0) {
      Future<int> future = pool.submit<square>(i);
      if (i % 4 == 0) {
        EXPECT_EQ(future.result(kPatience), i * i);
      }
    }
  }
}

TEST(ProcessPool, several_pools_live_side_by_side) {
  ProcessPoolExecutor one({.max_workers = 2}), two({.max_workers = 2});
  std::vector<Future<int>> futures;
  for (int i = 0; i < 100; ++i) futures.push_back((i % 2 == 0 ? one : two).submit<square>(i));
  EXPECT_EQ(wait(futures, kPatience).done.size(), 100u);
}

// ---- workers that cannot be -------------------------------------------------------------------

void expect_broken(const std::string& executable, const std::string& cause) {
  ProcessPoolExecutor pool({.max_workers = 2, .worker_executable = executable});
  std::vector<Future<int>> futures;
  for (int i = 0; i < 10; ++i) futures.push_back(pool.submit_named<int>("test.square", i));
  for (const Future<int>& future : futures) {
    EXPECT_TRUE(ended_with<BrokenProcessPool>(future));
    EXPECT_THAT(message_of(future.exception(kPatience)),
                AllOf(HasSubstr(executable), HasSubstr(cause)));
  }
  EXPECT_TRUE(wait_until([&] {
    try {
      pool.submit_named<int>("test.square", 1);
    } catch (const BrokenProcessPool& error) {
      return std::string(error.what()).find(executable) != std::string::npos;
    }
    return false;
  }));
}

TEST(Conformance, H11_a_missing_worker_executable_breaks_the_pool_with_path_and_cause) {
  expect_broken("/no/such/worker", "No such file or directory");
}
TEST(ProcessPool, a_worker_executable_that_cannot_be_executed_breaks_the_pool) {
  expect_broken("/etc/passwd", "Permission denied");
  expect_broken("/tmp", "Permission denied");
}
TEST(ProcessPool, a_worker_executable_that_is_no_worker_breaks_the_pool) {
  expect_broken("/bin/true", "flagship::init");
}

TEST(ProcessPool, without_init_a_pool_is_a_logic_error_that_says_what_to_add) {
  Child program({TEST_FORGETFUL});
  EXPECT_THAT(program.read_rest(), HasSubstr("flagship::init(argc, argv)"));
  EXPECT_EQ(program.wait(), 0);
}

TEST(Conformance, O08_workers_end_when_their_master_is_killed) {
  Child program({TEST_ORPHANS});
  std::vector<pid_t> workers;
  for (std::string line = program.read_line(); !line.empty(); line = program.read_line())
    workers.push_back(std::stoi(line));
  ASSERT_THAT(workers, SizeIs(3));
  for (const pid_t worker : workers) ASSERT_FALSE(is_gone(worker));
  const pid_t pid = program.pid();
  program.kill(SIGKILL);
  for (const pid_t worker : workers) EXPECT_TRUE(wait_until([&] { return is_gone(worker); }));
  EXPECT_EQ(program.wait(), -SIGKILL);
  for (const std::string& folder : run_folders(pid)) std::filesystem::remove_all(folder);
}

}  // namespace

int main(int argc, char** argv) {
  flagship::init(argc, argv);
  setenv("FLAGSHIP_TEST_MASTER", std::to_string(getpid()).c_str(), 1);
  testing::InitGoogleTest(&argc, argv);
  flagship::test::install_census();
  return RUN_ALL_TESTS();
}
