// SPDX-License-Identifier: MIT
// Workers that never come to be: the user is told why, soon.
#include <elf.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <flagship/flagship.hpp>
#include <fstream>
#include <mutex>
#include <string>
#include <utility>

#include "common/os/sanitizers.hpp"
#include "tests/support/endings.hpp"
#include "tests/support/gate.hpp"
#include "tests/support/patience.hpp"
#include "tests/support/tasks.hpp"

namespace {

using namespace flagship;
using namespace flagship::test;
using namespace std::chrono_literals;
using testing::AllOf;
using testing::AnyOf;
using testing::HasSubstr;
using testing::Not;

/// The setting that test_stillborn looks for.
class Stillborn {
 public:
  explicit Stillborn(const char* how) { setenv("STILLBORN", how, 1); }
  Stillborn(const Stillborn&) = delete;
  Stillborn& operator=(const Stillborn&) = delete;
  ~Stillborn() { unsetenv("STILLBORN"); }
};

/// What its first call is told. Far from what a hang would take, on whatever machine.
std::string told(PoolOptions options) {
  const auto begin = std::chrono::steady_clock::now();
  options.output = [](const WorkerOutput&) {};
  ProcessPoolExecutor pool(std::move(options));
  const Future<int> future = pool.submit<square>(3);
  const std::string what = message_of(future.exception(kPatience));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 8s) << what;
  return what;
}
std::string told_of_program(const std::string& path) {
  return told({.max_workers = 2, .worker_executable = path});
}

std::string file_with(const Folder& folder, const std::string& bytes, mode_t mode) {
  const std::string path = folder.path("program");
  std::ofstream(path) << bytes;
  chmod(path.c_str(), mode);
  return path;
}

// ---- the program ------------------------------------------------------------------------------

TEST(Start, of_a_program_that_is_not_there_or_may_not_run_is_told_with_its_path_and_why) {
  const Folder folder;
  EXPECT_THAT(told_of_program(folder.path("missing")),
              AllOf(HasSubstr("missing"), HasSubstr("No such file")));
  const std::string plain = file_with(folder, "just text", 0600);
  EXPECT_THAT(told_of_program(plain), AllOf(HasSubstr(plain), HasSubstr("Permission denied")));
}

TEST(Start, of_what_is_no_program_of_this_machine_is_told) {
  const Folder folder;
  const std::string text = file_with(folder, "just text", 0700);
  EXPECT_THAT(told_of_program(text), HasSubstr("Exec format error"));
  Elf64_Ehdr header{};
  std::ifstream("/proc/self/exe").read(reinterpret_cast<char*>(&header), sizeof header);
  header.e_machine = EM_SPARC;
  const std::string foreign =
      file_with(folder, std::string(reinterpret_cast<const char*>(&header), sizeof header), 0700);
  EXPECT_THAT(told_of_program(foreign), HasSubstr("Exec format error"));
}

TEST(Start, of_a_program_that_misses_a_library_is_told_in_the_loaders_words) {
  EXPECT_THAT(told_of_program(TEST_INCOMPLETE),
              AllOf(HasSubstr("error while loading shared libraries"), HasSubstr("libtest_part"),
                    HasSubstr("127")));
}

TEST(Start, of_a_program_that_ends_before_init_is_told_with_what_it_printed) {
  const Stillborn with_words("words");
  EXPECT_THAT(told_of_program(TEST_STILLBORN),
              AllOf(HasSubstr("exited with code 3"), HasSubstr("cannot find stillborn.conf")));
}

TEST(Start, of_a_program_that_crashes_before_init_is_told_with_the_signal) {
  const Stillborn crashing("crash");  // of a signal that no sanitizer takes for itself
  EXPECT_THAT(told_of_program(TEST_STILLBORN), HasSubstr("killed by SIGUSR1"));
}

TEST(Start, of_a_program_that_forgets_init_is_told_with_the_line_to_add) {
  const Stillborn silently("leave");
  EXPECT_THAT(told_of_program(TEST_STILLBORN),
              AllOf(HasSubstr("exited with code 0"), HasSubstr("flagship::init")));
}

TEST(Start, of_a_program_that_never_answers_is_mentioned_soon_and_holds_nothing_up) {
  const Stillborn mute("mute");
  std::mutex mutex;
  std::string printed;
  ProcessPoolExecutor pool({.max_workers = 2,
                            .worker_executable = TEST_STILLBORN,
                            .output = [&](const WorkerOutput& output) {
                              const std::lock_guard lock(mutex);
                              printed += output.text;
                            }});
  Future<int> first = pool.submit<square>(3);
  Future<int> second = pool.submit<square>(4);
  EXPECT_EQ(pool.status().queued, 2u) << "it is answered while they are awaited";
  EXPECT_TRUE(first.cancel());
  EXPECT_TRUE(wait_until([&] {
    const std::lock_guard lock(mutex);
    return printed.find("does not answer yet") != std::string::npos;
  }));
  pool.kill_workers();
  pool.shutdown();
  EXPECT_TRUE(second.cancelled());
}

// ---- the process ------------------------------------------------------------------------------

TEST(Start, of_a_worker_whose_limits_are_too_low_is_told) {
  if (kSanitized) GTEST_SKIP() << "a sanitizer takes more than any limit";
  for (const std::uint64_t bytes : {std::uint64_t{1} << 12, std::uint64_t{1} << 20,
                                    std::uint64_t{8} << 20, std::uint64_t{16} << 20})
    EXPECT_THAT(told({.max_workers = 2, .limits = {.address_space = bytes}}),
                AllOf(HasSubstr("worker process"), Not(HasSubstr("flagship::init")),
                      HasSubstr("address_space " + std::to_string(bytes))))
        << bytes;
  EXPECT_THAT(told({.max_workers = 2, .limits = {.open_files = 4}}),
              AllOf(HasSubstr("worker process"), HasSubstr("open_files 4")));
}

TEST(Start, of_a_worker_behind_a_layer_that_cannot_be_set_is_told_with_the_layers_own_words) {
  const Folder folder;
  ASSERT_EQ(mkdir(folder.path("gone").c_str(), 0700), 0);
  ProcessPoolExecutor pool({.max_workers = 1,
                            .isolation = {.writable = {{folder.path("gone")}}},
                            .output = [](const WorkerOutput&) {}});
  ASSERT_EQ(rmdir(folder.path("gone").c_str()), 0);
  const Future<int> future = pool.submit<square>(3);
  if (!future.exception(kPatience)) GTEST_SKIP() << "there is no Landlock here";
  EXPECT_THAT(
      message_of(future.exception()),
      AllOf(HasSubstr("exited with code 70"), HasSubstr("gone"), Not(HasSubstr("flagship::init"))));
}

void crash_with_words() {
  std::fprintf(stderr, "no table to read\n");
  die();
}
void leave_with_5() { _exit(5); }

TEST(Start, of_a_worker_that_dies_in_its_initializer_is_told) {
  EXPECT_THAT(told({.max_workers = 2, .initializer = initializer<crash_with_words>()}),
              AllOf(HasSubstr("killed by SIGKILL"), HasSubstr("while it ran the initializer"),
                    HasSubstr("no table to read")));
  EXPECT_THAT(told({.max_workers = 2, .initializer = initializer<leave_with_5>()}),
              AllOf(HasSubstr("exited with code 5"), HasSubstr("while it ran the initializer")));
}

}  // namespace
