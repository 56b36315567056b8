// SPDX-License-Identifier: MIT
// A master is killed at any moment of its life: nothing of it lives on, wherever it went, and the
// next start removes what it left.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "common/os/sanitizers.hpp"
#include "tests/chaos/setting.hpp"
#include "tests/support/program.hpp"

namespace flagship::chaos {
namespace {

using namespace flagship::testing;
using namespace std::chrono_literals;
namespace fs = std::filesystem;
using ::testing::IsEmpty;

constexpr auto kLife = kSanitized ? 2000ms : 250ms;
constexpr const char* kMark = "FLAGSHIP_CHAOS_MARK";

/// Which processes have that in their environment: it is handed down to whatever a process starts,
/// also to what leaves its group and its session.
std::vector<std::string> processes_with(const std::string& mark) {
  std::vector<std::string> found;
  std::error_code error;
  for (fs::directory_iterator entry("/proc", error), end; !error && entry != end;
       entry.increment(error)) {
    std::ifstream file(entry->path() / "environ", std::ios::binary);
    const std::string environment{std::istreambuf_iterator<char>(file), {}};
    if (environment.find(mark) == std::string::npos) continue;
    std::ifstream command(entry->path() / "cmdline", std::ios::binary);
    found.push_back(entry->path().filename().string() + ' ' +
                    std::string{std::istreambuf_iterator<char>(command), {}});
  }
  return found;
}

class KilledMasters : public ::testing::Test {
 protected:
  void SetUp() override { fs::create_directory(folder_ / "run"); }

  Command command(std::vector<std::string> words) const {
    return {.argv = std::move(words),
            .env = {{kMark, mark_.substr(mark_.find('=') + 1)},
                    {"XDG_RUNTIME_DIR", folder_ / "run"},
                    {"TMPDIR", folder_ / "run"}},
            .folder = folder_.path()};
  }

  /// Kills it up to that long after its start, unless it has ended well by then, and waits until
  /// nothing of it is alive.
  void kill_in(Command master, std::chrono::microseconds longest) {
    Program program(std::move(master));
    const auto life =
        std::chrono::microseconds(dice_.roll(static_cast<std::uint64_t>(longest.count())));
    std::this_thread::sleep_for(life);
    program.signal(SIGKILL);
    const auto killed = std::chrono::steady_clock::now();
    const Ended ended = program.wait();
    EXPECT_TRUE(ended.signal == SIGKILL || ended.exit_code == 0) << ended.exit_code << ended.err;
    std::vector<std::string> left;
    EXPECT_TRUE(wait_until([&] { return (left = processes_with(mark_)).empty(); }))
        << "killed after " << life.count() << " us: " << ::testing::PrintToString(left);
    slowest_ = std::max(slowest_, std::chrono::steady_clock::now() - killed);
  }

  /// What it leaves is gone with its next start.
  void kill_some(const std::string& master) {
    for (int i = 0; i < kills(); ++i) {
      kill_in(command({master, std::to_string(dice_.roll(1'000'000))}), kLife);
      if (HasFailure()) return;
    }
    EXPECT_EQ(testing::run(command({master, "once"})).exit_code, 0);
    EXPECT_THAT(private_folders(), IsEmpty());
    expect_to_be_gone_in_a_second(kills());
  }

  std::vector<std::string> private_folders() const { return names_in(folder_ / "run"); }

  /// How long what was left took to end, at most: on a machine that is busy with other things that
  /// says nothing.
  void expect_to_be_gone_in_a_second(int masters) const {
    const std::chrono::duration<double, std::milli> slowest = slowest_;
    std::printf("%d masters killed; the last of each was gone after at most %.0f ms\n", masters,
                slowest.count());
    if (at_length()) {
      EXPECT_LT(slowest_, 1s);
    }
  }

  Dice dice_;
  TempFolder folder_;
  const std::string mark_ =
      std::string(kMark) + "=" + std::to_string(getpid()) + "-" + std::to_string(dice_.seed());
  std::chrono::steady_clock::duration slowest_{};
};

TEST_F(KilledMasters, leave_no_process_and_their_folders_go_with_the_next_start) {
  kill_some(TEST_DOOMED);
}

TEST_F(KilledMasters, leave_no_process_also_where_workers_cannot_be_cloned) {
  kill_some(TEST_DOOMED_EARLY);
}

#ifdef FLAGSHIP_PROGRAM

class KilledFetches : public KilledMasters {
 protected:
  Command fetch(std::vector<std::string> words) const {
    words.insert(words.begin(), {FLAGSHIP_PROGRAM, "fetch"});
    Command fetching = command(std::move(words));
    fetching.env["FLAGSHIP_WORKER"] = FLAGSHIP_WORKER_PROGRAM;
    return fetching;
  }
  /// All that is there but the run's record.
  std::map<std::string, std::string> files_in(const std::string& name) const {
    std::map<std::string, std::string> files;
    for (const std::string& file : names_in(folder_ / name))
      if (!file.starts_with(".flagship.db")) files[file] = read_file(folder_ / name / file);
    return files;
  }
};

TEST_F(KilledFetches, leave_no_process_no_part_of_a_file_after_the_next_run_and_only_whole_files) {
  ASSERT_EQ(testing::run(fetch({"-a", "-o", "whole"})).exit_code, 0);
  auto whole = files_in("whole");
  for (int i = 0; i < kills(); ++i) {
    const std::string workers = std::to_string(1 + dice_.roll(8));
    const std::string executor = dice_.one_in(6) ? "threads" : "processes";
    kill_in(fetch({"-a", "-s", "DELAY", "--delay", "0ms..40ms", "-w", workers, "-x", executor, "-o",
                   "out"}),
            kLife);
    if (HasFailure()) return;
    ASSERT_EQ(testing::run(fetch({"BR", "-o", "out"})).exit_code, 0);
    for (const auto& [name, bytes] : files_in("out")) {
      ASSERT_TRUE(whole.contains(name)) << name;
      ASSERT_TRUE(bytes == whole[name]) << name << " is not whole";
    }
    ASSERT_THAT(private_folders(), IsEmpty());
    fs::remove_all(folder_ / "out");
  }
  expect_to_be_gone_in_a_second(kills());
}

#endif

}  // namespace
}  // namespace flagship::chaos
