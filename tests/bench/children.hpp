// SPDX-License-Identifier: MIT
#pragma once

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdio>
#include <exception>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace flagship::bench {

/// Child processes that end with their parent. Start them before the first thread and the first
/// library context.
class Children {
 public:
  Children() = default;
  ~Children() {
    for (const pid_t pid : pids_) ::kill(pid, SIGKILL);
    wait();
  }
  Children(const Children&) = delete;
  Children& operator=(const Children&) = delete;

  /// Runs `body` in a new process, which exits with 1 when it throws.
  template <class Body>
  void start(Body body) {
    const pid_t pid = ::fork();
    if (pid < 0) throw std::system_error(errno, std::generic_category(), "fork");
    if (pid > 0) {
      pids_.push_back(pid);
      return;
    }
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    int status = 0;
    try {
      body();
    } catch (const std::exception& error) {
      std::fprintf(stderr, "%s\n", error.what());
      status = 1;
    }
    ::_exit(status);
  }

  /// Waits for all of them; true when each did well.
  bool wait() {
    bool well = true;
    for (const pid_t pid : pids_) {
      int status = 0;
      while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
      }
      well = well && status == 0;
    }
    pids_.clear();
    return well;
  }

 private:
  std::vector<pid_t> pids_;
};

/// A number above zero; throws a sentence that names what is wrong with `text`.
inline int positive(std::string_view what, std::string_view text) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value < 1) {
    throw std::invalid_argument(std::string(what) + " is to be a number above zero");
  }
  return value;
}

}  // namespace flagship::bench
