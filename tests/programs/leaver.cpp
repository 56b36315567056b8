// SPDX-License-Identifier: MIT
// Leaves main while its executor is at work. leaver HOW threads|processes GATE prints how each of
// its calls ended, and "leaving" when only what waits at the gate is left to do.
#include <unistd.h>

#include <cstdlib>
#include <flagship/flagship.hpp>
#include <functional>
#include <iostream>
#include <string>

#include "tests/support/tasks.hpp"

namespace {

using namespace flagship;

/// At one go: others print at the same time.
void say(const std::string& line) { std::cout << line + '\n' << std::flush; }
void print(const Future<int>& done) {
  say(done.cancelled() ? "cancelled" : std::to_string(done.result()));
}

std::function<void()> at_the_end;

/// What it says once the exit has begun, to calls for an executor that is there and to a new one.
template <class E>
void submit_at_exit(E& executor) {
  try {
    executor.template submit<test::nothing>();
  } catch (const ShutdownError& error) {
    std::cout << error.what() << std::endl;
  }
  try {
    E late({.max_workers = 1});
  } catch (const ShutdownError& error) {
    std::cout << error.what() << std::endl;
  }
}

template <class E>
E& make_executor(const std::string& how) {
  if (how == "static") {
    static E owned({.max_workers = 1});
    return owned;
  }
  static E* leaked = nullptr;
  if (how == "submit-at-exit") {  // after what the executor has registered, which comes later
    at_the_end = [] { submit_at_exit(*leaked); };
    std::atexit([] { at_the_end(); });
  }
  leaked = new E({.max_workers = 1});
  return *leaked;
}

template <class E>
void work_and_leave(const std::string& how, const std::string& gate) {
  E& executor = make_executor<E>(how);
  Future<int> running = executor.template submit<test::wait_at>(gate, 1);
  running.add_done_callback(print);
  Future<int> second = executor.template submit<test::wait_at>(gate, 2);
  second.add_done_callback(print);
  executor.template submit<test::wait_at>(gate, 3).add_done_callback(print);
  while (!running.running()) usleep(1000);
  if (how == "no-wait") executor.shutdown({.wait = false});
  if (how == "cancel") {
    executor.shutdown({.wait = false, .cancel_futures = true});
    while (!second.done()) usleep(1000);
  }
  say("leaving");
}

}  // namespace

int main(int argc, char** argv) {
  flagship::init(argc, argv);
  if (argc != 4) return 2;
  if (std::string(argv[2]) == "threads")
    work_and_leave<ThreadPoolExecutor>(argv[1], argv[3]);
  else
    work_and_leave<ProcessPoolExecutor>(argv[1], argv[3]);
}
