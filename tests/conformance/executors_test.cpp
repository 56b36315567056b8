// SPDX-License-Identifier: MIT
// Section P: executors beside the pool of processes, and what all of them share.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <flagship/flagship.hpp>
#include <fstream>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "tests/conformance/executors.hpp"
#include "tests/support/endings.hpp"
#include "tests/support/gate.hpp"
#include "tests/support/patience.hpp"
#include "tests/support/tasks.hpp"

namespace flagship::test {
namespace {

using testing::HasSubstr;
using testing::SizeIs;

std::size_t this_thread() { return std::hash<std::thread::id>()(std::this_thread::get_id()); }

/// The names of the threads of this process that begin with "flagship-".
std::set<std::string> own_threads() {
  std::set<std::string> names;
  std::error_code ended;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task", ended)) {
    std::ifstream comm(task.path() / "comm");
    std::string name;
    if (std::getline(comm, name) && name.starts_with("flagship-")) names.insert(name);
  }
  return names;
}

TEST_F(ConformanceThreads, P02_an_idle_thread_is_used_again_before_a_new_one_starts) {
  ThreadPoolExecutor executor({.max_workers = 8});
  std::set<std::size_t> threads;
  for (int i = 0; i < 10; ++i) {
    threads.insert(executor.submit<this_thread>().result(kPatience));
    ASSERT_TRUE(wait_until([&] { return executor.status().running == 0; }));
  }
  EXPECT_THAT(threads, SizeIs(1));
}

TEST_F(ConformanceThreads, P04_all_threads_end_at_shutdown) {
  Gate gate;
  ThreadPoolExecutor executor({.max_workers = 3});
  std::vector<Future<int>> futures;
  for (int i = 0; i < 3; ++i) futures.push_back(executor.submit<wait_at>(gate.path(), i));
  wait_for_running(futures);
  EXPECT_THAT(own_threads(), SizeIs(3));
  gate.open();
  executor.shutdown();
  EXPECT_TRUE(wait_until([] { return own_threads().empty(); }));
}

TEST_F(ConformanceThreads, P05_threads_are_named_in_ps) {
  Gate gate;
  ThreadPoolExecutor executor({.max_workers = 2});
  std::vector<Future<int>> futures;
  for (int i = 0; i < 2; ++i) futures.push_back(executor.submit<wait_at>(gate.path(), i));
  wait_for_running(futures);
  EXPECT_EQ(own_threads(), (std::set<std::string>{"flagship-0", "flagship-1"}));
  gate.open();
}

TEST_F(ConformanceProcesses, P05_workers_are_named_in_ps) {
  ProcessPoolExecutor named({.max_workers = 1, .name = "harbour"});
  EXPECT_THAT(named.submit<own_command>().result(kPatience), HasSubstr("harbour/worker-0"));
  ProcessPoolExecutor unnamed({.max_workers = 1});
  EXPECT_THAT(unnamed.submit<own_command>().result(kPatience),
              testing::ContainsRegex("pool-[0-9]+/worker-0"));
}

TEST_P(ConformanceEverywhere, P07_in_this_process_exceptions_of_any_type_keep_it) {
  const auto executor = make();
  const Future<void> own = executor->submit<throw_kind>("own");
  if (in_processes()) {
    EXPECT_TRUE(ended_with<RemoteError>(own)) << "a summary, since nobody registered the type";
  } else {
    EXPECT_TRUE(ended_with<OwnError>(own));
    EXPECT_THROW(executor->submit<throw_kind>("int").result(kPatience), int);
  }
}

TEST_P(ConformanceEverywhere, P09_one_interface_serves_all_executors) {
  static_assert(executor<InlineExecutor> && executor<ThreadPoolExecutor>);
  static_assert(executor<ProcessPoolExecutor> && executor<AnyExecutor> && executor<ExecutorView>);
  const auto tested = make();
  const AnyExecutor any = *tested;
  EXPECT_EQ(any.submit<square>(4).result(kPatience), 16);
  EXPECT_EQ(any.with({}).submit<square>(4).result(kPatience), 16);
  int sum = 0;
  for (const int y : any.map<square>(std::vector{1, 2, 3})) sum += y;
  EXPECT_EQ(sum, 14);
  any.shutdown();
  EXPECT_THROW(any.submit<square>(4), ShutdownError);
}

/// An executor of somebody else's: made of what is public, it runs calls when it is told to.
class LaterExecutor {
 public:
  template <auto F, class... A>
  auto submit(A... args) {
    using R = decltype(F(args...));
    auto promise = std::make_shared<Promise<R>>("later");
    waiting_.push_back([promise, args...] {
      if (promise->set_running_or_notify_cancel()) promise->set_result(F(args...));
    });
    return promise->future();
  }
  void run() {
    for (const auto& call : waiting_) call();
    waiting_.clear();
  }

 private:
  std::vector<std::function<void()>> waiting_;
};

TEST(Conformance, P09_an_executor_of_ones_own_can_be_made_of_promises) {
  LaterExecutor later;
  std::vector<Future<int>> futures{later.submit<square>(2), later.submit<square>(3)};
  Future<int> cancelled = later.submit<square>(4);
  EXPECT_TRUE(cancelled.cancel());
  later.run();
  EXPECT_THAT(wait(futures, kPatience).done, SizeIs(2));
  EXPECT_EQ(futures[1].result(), 9);
  EXPECT_TRUE(cancelled.cancelled());
}

}  // namespace
}  // namespace flagship::test
