// SPDX-License-Identifier: MIT
// Takes what comes within a second, and ends the rest: some of it runs, some of it has not begun.
#include <chrono>
#include <flagship/flagship.hpp>
#include <iostream>
#include <thread>
#include <vector>

using namespace std::chrono_literals;

/// Most answer soon; every third hangs, as servers do.
int ask(int server) {
  std::this_thread::sleep_for(server % 3 == 2 ? 1h : 1ms);
  return server * 100;
}

int main(int argc, char** argv) {
  flagship::init(argc, argv);
  flagship::ProcessPoolExecutor pool({.max_workers = 2});

  std::vector<flagship::Future<int>> answers;
  for (int server = 0; server < 10; ++server) answers.push_back(pool.submit<ask>(server));
  try {
    for (auto& answer : flagship::as_completed(answers, 1s)) std::cout << answer.result() << '\n';
  } catch (const flagship::TimeoutError& late) {
    std::cout << late.what() << '\n';  // 6 (of 10) futures unfinished
  }

  int cancelled = 0, stopped = 0;
  for (auto& answer : answers) cancelled += answer.cancel() ? 1 : 0;  // never begins
  for (auto& answer : answers)                                        // is stopped as it runs
    stopped += !answer.cancelled() && answer.interrupt() ? 1 : 0;
  std::cout << "10 asked: " << 10 - cancelled - stopped << " answered in time, " << cancelled
            << " cancelled, " << stopped << " stopped\n";
}
