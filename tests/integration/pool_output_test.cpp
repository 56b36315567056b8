// SPDX-License-Identifier: MIT
// What becomes of what tasks print.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <flagship/flagship.hpp>
#include <fstream>
#include <iostream>
#include <iterator>
#include <map>
#include <mutex>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "common/os/sanitizers.hpp"
#include "common/os/unique_fd.hpp"
#include "tests/support/endings.hpp"
#include "tests/support/gate.hpp"
#include "tests/support/patience.hpp"
#include "tests/support/tasks.hpp"

namespace {

using namespace flagship;
using namespace flagship::test;
using namespace std::chrono_literals;
using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;

// ---- tasks ------------------------------------------------------------------------------------

pid_t say(const std::string& out, const std::string& err) {
  std::printf("%s", out.c_str());
  std::fflush(stdout);
  std::cerr << err;
  return getpid();
}
void say_and_leave(const std::string& text, int code) {
  std::printf("%s", text.c_str());
  std::fflush(stdout);
  _exit(code);
}
void say_a_line_and_leave_at_once() {
  std::printf("a line\n");
  _exit(0);
}
void write_whole(const std::string& text) {
  for (std::string_view left = text; !left.empty();) {
    const ssize_t written = write(STDOUT_FILENO, left.data(), left.size());
    if (written > 0) left.remove_prefix(static_cast<std::size_t>(written));
  }
}
/// Each line in two writes.
void say_lines(char letter, int lines) {
  const std::string half(30, letter);
  for (int i = 0; i < lines; ++i) write_whole(half), write_whole(half + "\n");
}
void flood(std::size_t bytes, std::size_t line) {
  const std::string text = std::string(line - 1, 'x') + "\n";
  for (std::size_t done = 0; done < bytes; done += text.size()) write_whole(text);
}
void flood_without_end(std::size_t bytes) {
  const std::string text(64 * 1024, 'x');
  for (std::size_t done = 0; done < bytes; done += text.size()) write_whole(text);
}
void close_both() {
  close(STDOUT_FILENO);
  close(STDERR_FILENO);
}
/// A process that is in no group of ours, and keeps what it inherited.
pid_t leave_somebody_behind() {
  const pid_t pid = fork();
  if (pid != 0) return pid;
  setsid();
  for (;;) pause();
}

// ---- who listens ------------------------------------------------------------------------------

class Listener {
 public:
  std::function<void(const WorkerOutput&)> sink() {
    return [this](const WorkerOutput& output) {
      const std::lock_guard lock(mutex_);
      text_[output.worker] += output.text;
      pid_[output.worker] = output.pid;
    };
  }
  std::string text(int worker = 0) {
    const std::lock_guard lock(mutex_);
    return text_[worker];
  }
  pid_t pid(int worker = 0) {
    const std::lock_guard lock(mutex_);
    return pid_[worker];
  }
  bool hears(const std::string& wanted) {
    return wait_until([&] { return text().find(wanted) != std::string::npos; });
  }

 private:
  std::mutex mutex_;
  std::map<int, std::string> text_;
  std::map<int, pid_t> pid_;
};

/// While it lives, this process's stderr is another.
class OtherStderr {
 public:
  explicit OtherStderr(int fd) : before_(fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0)) {
    dup2(fd, STDERR_FILENO);
  }
  OtherStderr(const OtherStderr&) = delete;
  OtherStderr& operator=(const OtherStderr&) = delete;
  ~OtherStderr() { dup2(before_.get(), STDERR_FILENO); }

 private:
  UniqueFd before_;
};

UniqueFd new_file(const std::string& path) {
  return UniqueFd(open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
}

std::string text_of(const std::string& file) {
  std::ifstream in(file);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

// ---- lines ------------------------------------------------------------------------------------

TEST(PoolOutput, reaches_who_asked_for_it_and_says_who_wrote_it) {
  Listener listener;
  ProcessPoolExecutor pool({.max_workers = 1, .output = listener.sink()});
  const pid_t worker = pool.submit<say>("to stdout\n", "to stderr\n").result(kPatience);
  EXPECT_TRUE(listener.hears("to stdout\nto stderr\n")) << listener.text();
  EXPECT_EQ(listener.pid(), worker);
}

TEST(PoolOutput, goes_to_stderr_after_the_name_of_its_worker_when_nobody_asks_for_it) {
  const Folder folder;
  {
    const OtherStderr other(new_file(folder.path("stderr")).get());
    ProcessPoolExecutor pool({.max_workers = 1, .name = "kitchen"});
    pool.submit<say>("two\nlines\n", "").result(kPatience);
  }
  EXPECT_EQ(text_of(folder.path("stderr")), "[kitchen/worker-0] two\n[kitchen/worker-0] lines\n");
}

TEST(PoolOutput, lines_of_two_workers_that_print_at_once_stay_whole) {
  constexpr int kLines = 5000;
  const Folder folder;
  {
    const OtherStderr other(new_file(folder.path("stderr")).get());
    ProcessPoolExecutor pool({.max_workers = 2, .name = "p"});
    std::vector<Future<void>> futures;
    for (const char letter : {'a', 'b', 'c', 'd'})
      futures.push_back(pool.submit<say_lines>(letter, kLines));
    for (const auto& future : futures) future.result(kPatience);
  }
  std::map<std::string, int> seen;
  std::ifstream in(folder.path("stderr"));
  for (std::string line; std::getline(in, line);) ++seen[line.substr(line.find("] ") + 2)];
  EXPECT_EQ(seen.size(), 4u);
  for (const char letter : {'a', 'b', 'c', 'd'}) EXPECT_EQ(seen[std::string(60, letter)], kLines);
}

TEST(PoolOutput, a_line_that_its_worker_did_not_live_to_end_is_one_too) {
  Listener listener;
  ProcessPoolExecutor pool({.max_workers = 1, .output = listener.sink()});
  EXPECT_TRUE(ended_with<WorkerDied>(pool.submit<say_and_leave>("half a li", 3)));
  EXPECT_EQ(listener.text(), "half a li\n");
}

TEST(PoolOutput, a_line_printed_just_before_the_end_is_not_lost) {
  Listener listener;
  ProcessPoolExecutor pool({.max_workers = 1, .output = listener.sink()});
  EXPECT_TRUE(ended_with<WorkerDied>(pool.submit<say_a_line_and_leave_at_once>()));
  EXPECT_EQ(listener.text(), "a line\n");
}

TEST(PoolOutput, a_sink_that_throws_is_named_and_harms_nobody) {
  const Folder folder;
  {
    const OtherStderr other(new_file(folder.path("stderr")).get());
    ProcessPoolExecutor pool({.max_workers = 1, .output = [](const WorkerOutput&) {
                                throw std::runtime_error("cannot listen");
                              }});
    pool.submit<say>("text\n", "").result(kPatience);
    EXPECT_EQ(pool.submit<square>(3).result(kPatience), 9);
  }
  EXPECT_THAT(text_of(folder.path("stderr")), HasSubstr("cannot listen"));
}

// ---- floods -----------------------------------------------------------------------------------

/// The most memory that this process has had since `forget_peak`, in bytes.
std::size_t peak_memory() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("VmHWM:")) return std::stoul(line.substr(6)) * 1024;
  return 0;
}
void forget_peak() { std::ofstream("/proc/self/clear_refs") << 5; }

TEST(PoolOutput, a_flood_arrives_whole_and_holds_nobody_up) {
  constexpr std::size_t kBytes = 50u << 20;
  std::atomic<std::size_t> heard{0};
  ProcessPoolExecutor pool({.max_workers = 2, .output = [&](const WorkerOutput& output) {
                              heard += output.text.size();
                            }});
  pool.submit<nothing>().result(kPatience);
  forget_peak();
  const std::size_t before = peak_memory();
  const Future<void> flooding = pool.submit<flood>(kBytes, std::size_t{1024});
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(pool.submit<square>(i).result(kPatience), i * i);
  flooding.result(kPatience);
  EXPECT_TRUE(wait_until([&] { return heard == kBytes; })) << heard;
  if (!kSanitized) {
    EXPECT_LT(peak_memory() - before, 8u << 20);
  }
}

TEST(PoolOutput, of_a_line_without_end_the_beginning_is_kept_and_the_rest_counted) {
  constexpr std::size_t kBytes = 50u << 20;
  Listener listener;
  ProcessPoolExecutor pool({.max_workers = 1, .output = listener.sink()});
  pool.submit<nothing>().result(kPatience);
  forget_peak();
  const std::size_t before = peak_memory();
  pool.submit<flood_without_end>(kBytes).result(kPatience);
  pool.submit<say>("\n", "").result(kPatience);
  EXPECT_TRUE(listener.hears("left out\n"));
  if (!kSanitized) {
    EXPECT_LT(peak_memory() - before, 8u << 20);
  }
  const std::string text = listener.text();
  EXPECT_EQ(text.find_first_not_of('x'), 64u * 1024);
  EXPECT_THAT(text, EndsWith(" ... " + std::to_string(kBytes - 64 * 1024) + " bytes left out\n"));
}

struct PipeEnds {
  UniqueFd read, write;
  PipeEnds() {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("no pipe");
    read.reset(ends[0]);
    write.reset(ends[1]);
  }
};

std::string read_until(int fd, std::size_t bytes) {
  std::string text;
  char buffer[4096];
  while (text.size() < bytes) {
    const ssize_t got = read(fd, buffer, sizeof buffer);
    if (got <= 0) break;
    text.append(buffer, static_cast<std::size_t>(got));
  }
  return text;
}

TEST(PoolOutput, nobody_but_who_prints_waits_for_a_stderr_that_is_not_read) {
  constexpr std::size_t kBytes = 4u << 20;
  constexpr std::size_t kLine = 1024;
  const PipeEnds pipe;
  const std::string prefix = "[p/worker-0] ";
  std::string text;
  {
    const OtherStderr other(pipe.write.get());
    ProcessPoolExecutor pool({.max_workers = 2, .name = "p"});
    const Future<void> flooding = pool.submit<flood>(kBytes, kLine);
    ASSERT_TRUE(wait_until([&] { return flooding.running(); }));
    for (int i = 0; i < 100; ++i) EXPECT_EQ(pool.submit<square>(i).result(kPatience), i * i);
    EXPECT_FALSE(flooding.done()) << "it waits";
    text = read_until(pipe.read.get(), kBytes + kBytes / kLine * prefix.size());
    flooding.result(kPatience);
  }
  EXPECT_EQ(static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')), kBytes / kLine)
      << "nothing is lost";
}

TEST(PoolOutput, a_stderr_that_is_never_read_does_not_keep_a_pool_from_ending) {
  const PipeEnds pipe;
  const OtherStderr other(pipe.write.get());
  ProcessPoolExecutor pool({.max_workers = 1, .interrupt_grace = 30ms});
  const Future<void> flooding = pool.submit<flood>(std::size_t{50} << 20, std::size_t{1024});
  ASSERT_TRUE(wait_until([&] { return flooding.running(); }));
  pool.shutdown({.deadline = 50ms});
  EXPECT_TRUE(ended_with<WorkerDied>(flooding));
}

// ---- who holds the pipe -----------------------------------------------------------------------

TEST(PoolOutput, a_process_that_a_task_left_behind_does_not_hold_up_the_end) {
  Listener listener;
  pid_t left = 0;
  {
    ProcessPoolExecutor pool({.max_workers = 1, .output = listener.sink()});
    left = pool.submit<leave_somebody_behind>().result(kPatience);
    EXPECT_TRUE(ended_with<WorkerDied>(pool.submit<say_and_leave>("last words\n", 1)));
    EXPECT_THAT(listener.text(), EndsWith("last words\n"));
    EXPECT_EQ(pool.submit<square>(3).result(kPatience), 9);
  }
  EXPECT_EQ(kill(left, SIGKILL), 0) << "it was alive all the time";
}

TEST(PoolOutput, a_worker_may_close_what_it_prints_to) {
  Listener listener;
  ProcessPoolExecutor pool({.max_workers = 1, .output = listener.sink()});
  pool.submit<say>("before\n", "").result(kPatience);
  pool.submit<close_both>().result(kPatience);
  EXPECT_EQ(pool.submit<square>(3).result(kPatience), 9);
  EXPECT_TRUE(ended_with<WorkerDied>(pool.submit<leave>(1)));
  pool.submit<say>("the next one prints\n", "").result(kPatience);
  EXPECT_TRUE(listener.hears("before\nthe next one prints\n"));
}

}  // namespace
