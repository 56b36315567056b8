// SPDX-License-Identifier: MIT
// Section G: exceptions of calls, and everything that can go wrong with what travels. Each of these
// must end in an error, never in a hang: scripts/conformance_under_load runs this file many times.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/sockios.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <any>
#include <cstdlib>
#include <exception>
#include <flagship/flagship.hpp>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "tests/conformance/executors.hpp"
#include "tests/support/endings.hpp"
#include "tests/support/patience.hpp"
#include "tests/support/tasks.hpp"

namespace flagship::test {
namespace {

enum class Moment { never, written, read };
enum class Deed { throws, throws_an_int, exits, crashes };

/// Goes off when it is written or read.
struct Mine {
  Moment moment = Moment::never;
  Deed deed = Deed::throws;
};

void go_off(Deed deed) {
  switch (deed) {
    case Deed::throws:
      throw std::runtime_error("it went off");
    case Deed::throws_an_int:
      throw 7;
    case Deed::exits:
      std::exit(99);
    case Deed::crashes:
      segfault();
  }
}

int step_on(const Mine&) { return 1; }
Mine lay(Moment moment, Deed deed) { return {moment, deed}; }

}  // namespace
}  // namespace flagship::test

template <>
struct flagship::serializer<flagship::test::Mine> {
  static void write(Writer& out, const test::Mine& mine) {
    if (mine.moment == test::Moment::written) test::go_off(mine.deed);
    out.put(mine.moment);
    out.put(mine.deed);
  }
  static test::Mine read(Reader& in) {
    const auto moment = in.get<test::Moment>();
    const test::Mine mine{moment, in.get<test::Deed>()};
    if (moment == test::Moment::read) test::go_off(mine.deed);
    return mine;
  }
};

namespace flagship::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;

struct Picky : std::exception {
  Picky(int, int) {}
  const char* what() const noexcept override { return "picky"; }
};
void throw_picky() { throw Picky(1, 2); }
[[gnu::noinline]] void throw_from_here() { throw OwnError("of my own"); }

template <class T>
void expect_death(const Future<T>& future, const std::string& how) {
  EXPECT_TRUE(ended_with<WorkerDied>(future));
  EXPECT_THAT(worker_died_what(future), HasSubstr(how));
}

void expect_usable(const ProcessPoolExecutor& pool) {
  EXPECT_EQ(pool.submit<square>(3).result(kPatience), 9);
}

// ---- exceptions -------------------------------------------------------------------------------

TEST_P(ConformanceEverywhere, G01_the_exception_keeps_its_type_and_message) {
  const auto executor = make();
  EXPECT_TRUE(ended_with<std::out_of_range>(executor->submit<throw_kind>("out_of_range")));
  EXPECT_TRUE(ended_with<std::bad_any_cast>(executor->submit<throw_kind>("bad_any_cast")));
  EXPECT_EQ(message_of(executor->submit<throw_kind>("out_of_range").exception(kPatience)),
            "no such item");
  try {
    executor->submit<throw_kind>("system").result(kPatience);
    ADD_FAILURE() << "it returned";
  } catch (const std::system_error& system) {
    EXPECT_EQ(system.code(), std::errc::no_such_file_or_directory);
    EXPECT_STREQ(system.what(), "opening it: No such file or directory");
  }
}

TEST_F(ConformanceProcesses, G02_a_RemoteError_says_where_it_was_thrown_over_there) {
  ProcessPoolExecutor pool({.max_workers = 1});
  try {
    pool.submit<throw_from_here>().result(kPatience);
    ADD_FAILURE() << "it returned";
  } catch (const RemoteError& remote) {
    EXPECT_THAT(remote.backtrace(), HasSubstr("throw_from_here"));
    EXPECT_THAT(remote.what(), HasSubstr("throw_from_here"));
  }
}

TEST_F(ConformanceProcesses, P07_one_of_its_own_type_comes_as_RemoteError_with_type_and_message) {
  ProcessPoolExecutor pool({.max_workers = 1});
  try {
    pool.submit<throw_kind>("own").result(kPatience);
    ADD_FAILURE() << "it returned";
  } catch (const RemoteError& remote) {
    EXPECT_THAT(remote.type_name(), HasSubstr("OwnError"));
    EXPECT_THAT(remote.what(), HasSubstr("of my own"));
  }
}

TEST_F(ConformanceProcesses, G03_a_call_that_exits_ends_with_WorkerDied_and_the_exit_code) {
  ProcessPoolExecutor pool({.max_workers = 1});
  expect_death(pool.submit<leave>(99), "exited with code 99");
  expect_death(pool.submit<leave_by_exit>(3), "exited with code 3");
  expect_death(pool.submit<leave>(0), "exited with code 0");
  expect_usable(pool);
}

TEST_P(ConformanceEverywhere, G04_a_call_that_throws_leaves_the_executor_usable) {
  const auto executor = make();
  const pid_t before = executor->submit<own_pid>().result(kPatience);
  EXPECT_NE(executor->submit<throw_kind>("int").exception(kPatience), nullptr);
  EXPECT_EQ(executor->submit<own_pid>().result(kPatience), before) << "the same worker, too";
}

// ---- what travels -----------------------------------------------------------------------------

TEST_F(ConformanceProcesses, G05_an_argument_that_cannot_be_written_fails_only_its_own_future) {
  ProcessPoolExecutor pool({.max_workers = 1});
  const Future<int> future = pool.submit<step_on>(Mine{Moment::written, Deed::throws});
  EXPECT_EQ(message_of(future.exception(kPatience)), "it went off");
  EXPECT_ANY_THROW(
      pool.submit<step_on>(Mine{Moment::written, Deed::throws_an_int}).result(kPatience));
  EXPECT_EQ(pool.submit<step_on>(Mine{}).result(kPatience), 1);
}

TEST_F(ConformanceProcesses, G06_an_argument_whose_reading_exits_fails_only_its_own_future) {
  ProcessPoolExecutor pool({.max_workers = 1});
  expect_death(pool.submit<step_on>(Mine{Moment::read, Deed::exits}), "exited with code 99");
  expect_usable(pool);
}

TEST_F(ConformanceProcesses, G07_an_argument_that_cannot_be_read_fails_only_its_own_future) {
  ProcessPoolExecutor pool({.max_workers = 1});
  const Future<int> future = pool.submit<step_on>(Mine{Moment::read, Deed::throws});
  EXPECT_TRUE(ended_with<SerializationError>(future));
  EXPECT_THAT(message_of(future.exception()), AllOf(HasSubstr("step_on"), HasSubstr("went off")));
  EXPECT_TRUE(ended_with<SerializationError>(
      pool.submit<step_on>(Mine{Moment::read, Deed::throws_an_int})));
  expect_usable(pool);
}

TEST_F(ConformanceProcesses, G08_an_argument_whose_reading_crashes_fails_only_its_own_future) {
  ProcessPoolExecutor pool({.max_workers = 1});
  expect_death(pool.submit<step_on>(Mine{Moment::read, Deed::crashes}), "SIGSEGV");
  expect_usable(pool);
}

TEST_F(ConformanceProcesses, G09_a_result_whose_writing_crashes_fails_only_its_own_future) {
  ProcessPoolExecutor pool({.max_workers = 1});
  expect_death(pool.submit<lay>(Moment::written, Deed::crashes), "SIGSEGV");
  expect_usable(pool);
}

TEST_F(ConformanceProcesses, G10_a_result_that_cannot_be_written_fails_only_its_own_future) {
  ProcessPoolExecutor pool({.max_workers = 1});
  const Future<Mine> future = pool.submit<lay>(Moment::written, Deed::throws);
  EXPECT_THAT(message_of(future.exception(kPatience)), HasSubstr("it went off"));
  EXPECT_ANY_THROW(pool.submit<lay>(Moment::written, Deed::throws_an_int).result(kPatience));
  expect_usable(pool);
}

TEST_F(ConformanceProcesses, G11_a_result_whose_writing_exits_fails_only_its_own_future) {
  ProcessPoolExecutor pool({.max_workers = 1});
  expect_death(pool.submit<lay>(Moment::written, Deed::exits), "exited with code 99");
  expect_usable(pool);
}

TEST_F(ConformanceProcesses, G12_a_result_that_cannot_be_read_fails_only_its_own_future) {
  ProcessPoolExecutor pool({.max_workers = 1});
  const Future<Mine> future = pool.submit<lay>(Moment::read, Deed::throws);
  EXPECT_TRUE(ended_with<SerializationError>(future));
  EXPECT_THAT(message_of(future.exception()), HasSubstr("it went off"));
  EXPECT_TRUE(ended_with<SerializationError>(pool.submit<lay>(Moment::read, Deed::throws_an_int)));
  expect_usable(pool);
}

TEST_F(ConformanceProcesses, G12_an_exception_that_cannot_be_remade_comes_as_RemoteError) {
  ProcessPoolExecutor pool({.max_workers = 1});
  const Future<void> future = pool.submit<throw_picky>();
  EXPECT_TRUE(ended_with<RemoteError>(future));
  EXPECT_THAT(message_of(future.exception()), AllOf(HasSubstr("Picky"), HasSubstr("picky")));
  expect_usable(pool);
}

TEST_F(ConformanceProcesses, G13_all_of_it_at_once_ends_with_an_error_each_and_harms_nobody) {
  ProcessPoolExecutor pool({.max_workers = 2});
  std::vector<AnyFuture> bad;
  std::vector<Future<int>> good;
  for (const Deed deed : {Deed::throws, Deed::throws_an_int, Deed::exits, Deed::crashes}) {
    const bool throws = deed == Deed::throws || deed == Deed::throws_an_int;
    // What this side writes and reads must not end this process.
    if (throws) bad.emplace_back(pool.submit<step_on>(Mine{Moment::written, deed}));
    bad.emplace_back(pool.submit<step_on>(Mine{Moment::read, deed}));
    bad.emplace_back(pool.submit<lay>(Moment::written, deed));
    if (throws) bad.emplace_back(pool.submit<lay>(Moment::read, deed));
    for (int i = 0; i < 10; ++i) good.push_back(pool.submit<square>(i));
  }
  for (const AnyFuture& future : bad) EXPECT_NE(future.exception(kPatience), nullptr);
  for (std::size_t i = 0; i < good.size(); ++i) {
    const int x = static_cast<int>(i % 10);
    EXPECT_EQ(good[i].result(kPatience), x * x);
  }
}

// ---- large messages ---------------------------------------------------------------------------

constexpr std::size_t kLarge = std::size_t{64} << 20;

/// True while a socket of this process holds a good part of a message that does not fit into it.
bool half_sent() {
  constexpr int kPart = 32 * 1024;
  for (int fd = 3; fd < 256; ++fd) {
    int unread = 0;
    if (ioctl(fd, SIOCOUTQ, &unread) == 0 && unread >= kPart) return true;
  }
  return false;
}

/// Its worker dies in the middle of sending the result.
std::string die_while_sending(std::size_t bytes) {
  std::thread([] {
    while (!half_sent()) std::this_thread::yield();
    kill(getpid(), SIGKILL);
  }).detach();
  return letters(bytes);
}

std::size_t size_of(const std::string& text) { return text.size(); }

TEST_F(ConformanceProcesses, G14_a_worker_that_dies_with_half_a_result_sent_fails_only_that) {
  ProcessPoolExecutor pool({.max_workers = 1});
  // On a busy machine the moment may be missed: then the result is whole, and the next one will do.
  constexpr int kTries = 50;
  Future<std::string> future = pool.submit<die_while_sending>(kLarge);
  for (int i = 1; i < kTries && !ended_with<WorkerDied>(future); ++i) {
    EXPECT_EQ(future.result(kPatience).size(), kLarge);
    future = pool.submit<die_while_sending>(kLarge);
  }
  expect_death(future, "SIGKILL");
  expect_usable(pool);
}

TEST_F(ConformanceProcesses, G14_a_worker_that_dies_with_half_an_argument_sent_harms_nobody) {
  ProcessPoolExecutor pool({.max_workers = 1});
  const pid_t worker = pool.submit<own_pid>().result(kPatience);
  kill(worker, SIGSTOP);
  const Future<std::size_t> future = pool.submit<size_of>(letters(kLarge));
  EXPECT_TRUE(wait_until(half_sent));
  kill(worker, SIGKILL);
  EXPECT_EQ(future.result(kPatience), kLarge) << "it had not begun: another worker took it";
}

}  // namespace
}  // namespace flagship::test
