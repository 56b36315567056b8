// SPDX-License-Identifier: MIT
// A program and the pipes to it.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>

#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <system_error>
#include <vector>

#include "master/hosts/child_process.hpp"
#include "tests/support/gate.hpp"
#include "tests/support/patience.hpp"

namespace {

using namespace flagship;
using namespace flagship::hosts;
using namespace flagship::test;

class ChildProcessTest : public testing::Test {
 protected:
  /// Its standard output, until its end.
  std::string run_to_end(ChildProcess& child) const {
    std::string lines;
    const auto end = std::chrono::steady_clock::now() + kPatience;
    while (!child.ended() && std::chrono::steady_clock::now() < end) {
      pollfd readable{epoll_.get(), POLLIN, 0};
      if (poll(&readable, 1, 1000) > 0) child.advance(lines);
    }
    EXPECT_TRUE(child.ended());
    return lines;
  }
  ChildProcess shell(const std::string& script) const {
    return ChildProcess({"sh", "-c", script}, epoll_.get(), 5);
  }

  const UniqueFd epoll_{epoll_create1(EPOLL_CLOEXEC)};
};

TEST_F(ChildProcessTest, says_what_it_is_told_and_how_it_ends) {
  ChildProcess child = shell("cat; echo problem >&2; exit 7");
  child.send("one\n");
  child.send("two");
  std::string lines;
  EXPECT_TRUE(wait_until([&] {
    child.advance(lines);
    return lines == "one\n";
  })) << "two is no line yet";
  child.close_input();
  EXPECT_EQ(run_to_end(child), "two\n");
  EXPECT_EQ(child.ended()->exit_code, 7);
  EXPECT_EQ(child.ended()->stderr_tail, "problem");
}

TEST_F(ChildProcessTest, has_three_descriptors_a_group_of_its_own_and_no_signal_is_blocked) {
  sigset_t usr1, before;
  sigemptyset(&usr1);
  sigaddset(&usr1, SIGUSR1);
  pthread_sigmask(SIG_BLOCK, &usr1, &before);
  const auto handler = ::signal(SIGUSR2, SIG_IGN);
  ChildProcess child = shell(
      "ls /proc/$$/fd; cut -d' ' -f5 /proc/$$/stat;"
      "grep -E '^Sig(Blk|Ign)' /proc/$$/status | cut -f2");
  ::signal(SIGUSR2, handler);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  std::istringstream said(run_to_end(child));
  std::vector<std::string> words(std::istream_iterator<std::string>(said), {});
  ASSERT_EQ(words.size(), 6u);
  const std::string ignored = words.back();
  words.pop_back();
  EXPECT_THAT(words,
              testing::ElementsAre("0", "1", "2", std::to_string(child.pid()), "0000000000000000"));
  EXPECT_EQ(std::stoull(ignored, nullptr, 16) >> (SIGUSR2 - 1) & 1, 0u);
}

TEST_F(ChildProcessTest, takes_a_file_of_any_size_without_being_waited_for) {
  const Folder folder;
  const std::string bytes(20'000'000, 'x');
  std::ofstream(folder.path("file")) << bytes;
  const UniqueFd file(open(folder.path("file").c_str(), O_RDONLY | O_CLOEXEC));
  ChildProcess child = shell("read go; head -c 20000000 | wc -c; cat");
  child.send("go\n");
  child.send_file(file.get(), bytes.size());
  child.send("behind\n");
  std::string lines;
  while (lines.find("behind") == std::string::npos) {
    pollfd readable{epoll_.get(), POLLIN, 0};
    ASSERT_GT(poll(&readable, 1, 30'000), 0);
    child.advance(lines);
  }
  EXPECT_EQ(lines, "20000000\nbehind\n");
}

TEST_F(ChildProcessTest, that_reads_nothing_is_written_to_without_an_end_of_ours) {
  ChildProcess child = shell("exec <&-; echo closed; exec sleep 1000");
  std::string lines;
  ASSERT_TRUE(wait_until([&] {
    child.advance(lines);
    return lines == "closed\n";
  }));
  child.send("nobody reads this\n");
  child.send("nor this\n");
  pollfd readable{epoll_.get(), POLLIN, 0};
  EXPECT_EQ(poll(&readable, 1, 0), 0) << "and there is nothing to do about it";
}

TEST_F(ChildProcessTest, that_closes_its_output_wakes_nobody_any_more) {
  ChildProcess child = shell("exec >&- 2>&-; exec sleep 1000");
  std::string lines;
  EXPECT_TRUE(wait_until([&] {
    child.advance(lines);
    pollfd readable{epoll_.get(), POLLIN, 0};
    return poll(&readable, 1, 0) == 0;
  }));
}

TEST_F(ChildProcessTest, has_ended_although_what_it_started_still_holds_its_output) {
  ChildProcess child = shell("sleep 1000 & echo $!");
  const std::string lines = run_to_end(child);
  EXPECT_EQ(child.ended()->exit_code, 0);
  kill(std::stoi(lines), SIGKILL);
}

TEST_F(ChildProcessTest, that_is_not_there_is_named_with_the_reason) {
  try {
    ChildProcess({"no-such-program"}, epoll_.get(), 5);
    FAIL() << "it was started";
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code(), std::errc::no_such_file_or_directory);
    EXPECT_STREQ(error.what(), "cannot start 'no-such-program': No such file or directory");
  }
}

}  // namespace
