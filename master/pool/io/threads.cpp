// SPDX-License-Identifier: MIT
#include "master/pool/io/threads.hpp"

#include <latch>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "flagship/error.hpp"

namespace flagship::pool {

// All at once; their stacks are kept by the C library for those that come next.
void require_threads(int count) {
  std::latch over(1);
  std::vector<std::jthread> threads;
  std::string trouble;
  try {
    for (int i = 0; i < count; ++i) threads.emplace_back([&over] { over.wait(); });
  } catch (const std::system_error& error) {
    trouble = error.code().message();
  }
  over.count_down();
  if (trouble.empty()) return;
  throw BrokenProcessPool("this process can start no more threads: " + trouble +
                          "; see its limits for memory and processes (ulimit -v and -u)");
}

}  // namespace flagship::pool
