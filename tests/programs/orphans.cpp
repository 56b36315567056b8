// SPDX-License-Identifier: MIT
// Makes a pool, prints the pid of each worker in a line of its own, an empty line, and waits to be
// killed.
#include <unistd.h>

#include <flagship/flagship.hpp>
#include <iostream>
#include <vector>

namespace {

void run_for_ever() {
  for (;;) pause();
}

}  // namespace

int main(int argc, char** argv) {
  flagship::init(argc, argv);
  flagship::ProcessPoolExecutor pool({.max_workers = 3});
  std::vector<flagship::Future<void>> calls;
  for (int i = 0; i < 3; ++i) calls.push_back(pool.submit<run_for_ever>());
  for (const auto& call : calls)
    while (!call.running()) usleep(1000);
  for (const auto& worker : pool.status().workers) std::cout << worker.pid << '\n';
  std::cout << std::endl;
  run_for_ever();
}
