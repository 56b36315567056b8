// SPDX-License-Identifier: MIT
// Prints the pid of its only worker and of a process that a task has started, each in a line, and
// waits to be killed. orphaned busy|idle: whether the worker is, then. An idle one has lost what
// the kernel tells it with, as after a change of user.
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <flagship/flagship.hpp>
#include <iostream>
#include <string>

namespace {

pid_t start_child() {
  const pid_t child = fork();
  if (child != 0) return child;
  for (const int number : {SIGHUP, SIGINT, SIGTERM}) signal(number, SIG_IGN);
  for (;;) pause();
}
pid_t lose_signal() {
  prctl(PR_SET_PDEATHSIG, 0);
  return getpid();
}
pid_t own_pid() { return getpid(); }
void run_for_ever() {
  for (;;) pause();
}

}  // namespace

int main(int argc, char** argv) {
  flagship::init(argc, argv);
  if (argc != 2) return 2;
  const bool busy = std::string(argv[1]) == "busy";
  flagship::ProcessPoolExecutor pool({.max_workers = 1});
  const pid_t worker = busy ? pool.submit<own_pid>().result() : pool.submit<lose_signal>().result();
  std::cout << worker << '\n' << pool.submit<start_child>().result() << std::endl;
  if (busy) pool.submit<run_for_ever>().result();
  run_for_ever();
}
