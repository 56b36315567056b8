// SPDX-License-Identifier: MIT
// How calls ended, asked with patience.
#pragma once

#include <gtest/gtest.h>
#include <sys/types.h>

#include <exception>
#include <flagship/flagship.hpp>
#include <string>
#include <typeinfo>
#include <vector>

#include "tests/support/patience.hpp"
#include "tests/support/tasks.hpp"

namespace flagship::test {

/// True when the call threw an E, and nothing derived from it.
template <class E, class T>
bool ended_with(const Future<T>& future) {
  try {
    if (auto error = future.exception(kPatience)) std::rethrow_exception(error);
  } catch (const E& error) {
    return typeid(error) == typeid(E);
  } catch (...) {
  }
  return false;
}

inline std::string message_of(std::exception_ptr error) {
  try {
    if (error) std::rethrow_exception(error);
  } catch (const std::exception& caught) {
    return caught.what();
  } catch (...) {
    return "not a std::exception";
  }
  return "no error";
}

/// What its WorkerDied says.
template <class T>
std::string worker_died_what(const Future<T>& future) {
  try {
    future.result(kPatience);
  } catch (const WorkerDied& died) {
    return died.what();
  } catch (...) {
  }
  return "no worker died";
}

template <class Futures>
void wait_for_running(const Futures& futures) {
  for (const auto& future : futures) ASSERT_TRUE(wait_until([&] { return future.running(); }));
}

inline std::vector<pid_t> worker_pids(const ProcessPoolExecutor& pool) {
  std::vector<pid_t> pids;
  for (const WorkerStatus& worker : pool.status().workers) pids.push_back(worker.pid);
  return pids;
}

/// True once a pool refuses calls as broken.
template <class Pool>
bool refuses_as_broken(const Pool& pool) {
  return wait_until([&] {
    try {
      pool.template submit<nothing>();
    } catch (const BrokenExecutor&) {
      return true;
    }
    return false;
  });
}

}  // namespace flagship::test
