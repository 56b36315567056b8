// SPDX-License-Identifier: MIT
// Linked into a program: it has a second thread before main has reached flagship::init, as one has
// whose libraries start threads of their own.
#include <condition_variable>
#include <mutex>
#include <stop_token>
#include <thread>

namespace {

const std::jthread early([](std::stop_token asked) {
  std::mutex mutex;
  std::unique_lock lock(mutex);
  std::condition_variable_any().wait(lock, asked, [] { return false; });
});

}  // namespace
