// SPDX-License-Identifier: MIT
#include "tests/support/watchdog.hpp"

#include <signal.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <string>

namespace flagship::test {
namespace {

// What a signal handler may read: written while no alarm is set.
std::array<char, 512> last_words;

}  // namespace

void Watchdog::OnTestStart(const testing::TestInfo& test) {
  const std::string words = "[  FAILED  ] " + std::string(test.test_suite_name()) + "." +
                            test.name() + ": it hangs, after " + std::to_string(seconds_) + " s\n";
  last_words.fill('\0');
  std::strncpy(last_words.data(), words.c_str(), last_words.size() - 1);
  signal(SIGALRM, bark);
  alarm(seconds_);
}

void Watchdog::OnTestEnd(const testing::TestInfo&) {
  alarm(0);
  signal(SIGALRM, SIG_DFL);
}

void Watchdog::bark(int) {
  [[maybe_unused]] const ssize_t written =
      write(STDERR_FILENO, last_words.data(), std::strlen(last_words.data()));
  std::abort();
}

void install_watchdog(unsigned seconds) {
  testing::UnitTest::GetInstance()->listeners().Append(new Watchdog(seconds));
}

}  // namespace flagship::test
