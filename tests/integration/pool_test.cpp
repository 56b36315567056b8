// SPDX-License-Identifier: MIT
// The process pool with real processes: what is no row of tests/conformance.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <flagship/flagship.hpp>
#include <fstream>
#include <functional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "common/os/sanitizers.hpp"
#include "tests/support/census.hpp"
#include "tests/support/child.hpp"
#include "tests/support/endings.hpp"
#include "tests/support/gate.hpp"
#include "tests/support/patience.hpp"
#include "tests/support/tasks.hpp"

FLAGSHIP_TASK("test.square", flagship::test::square)

namespace {

using namespace flagship;
using namespace flagship::test;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

// ---- submit and result ------------------------------------------------------------------------

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

// ---- exceptions -------------------------------------------------------------------------------

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

TEST(ProcessPool, with_retry_large_messages_survive_deaths_at_any_moment) {
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

TEST(ProcessPool, an_eager_pool_has_its_workers_before_any_work) {
  ProcessPoolExecutor pool({.max_workers = 2, .eager = true});
  EXPECT_TRUE(wait_until([&] { return pool.status().workers.size() == 2; }));
}

TEST(ProcessPool, more_workers_may_start_at_once_than_their_zygote_has_room_to_answer_for) {
  if (kSanitized) GTEST_SKIP() << "each would be a program of its own, of a hundred megabytes";
  constexpr int kMany = 400;
  ProcessPoolExecutor pool({.max_workers = kMany, .eager = true});
  EXPECT_TRUE(wait_until([&] { return pool.status().workers.size() == kMany; }));
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

TEST(ProcessPool, several_pools_live_side_by_side) {
  ProcessPoolExecutor one({.max_workers = 2}), two({.max_workers = 2});
  std::vector<Future<int>> futures;
  for (int i = 0; i < 100; ++i) futures.push_back((i % 2 == 0 ? one : two).submit<square>(i));
  EXPECT_EQ(wait(futures, kPatience).done.size(), 100u);
}

TEST(ProcessPool, without_init_a_pool_is_a_logic_error_that_says_what_to_add) {
  Child program({TEST_FORGETFUL});
  EXPECT_THAT(program.read_rest(), HasSubstr("flagship::init(argc, argv)"));
  EXPECT_EQ(program.wait(), 0);
}

}  // namespace
