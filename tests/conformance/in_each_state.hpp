// SPDX-License-Identifier: MIT
#pragma once

#include <gtest/gtest.h>

#include <flagship/future.hpp>
#include <sstream>
#include <stdexcept>
#include <string>

namespace flagship::test {

/// A promise in each state that a future can have.
struct InEachState {
  Promise<int> pending, running, cancelled, returned, raised;
  InEachState() {
    running.set_running_or_notify_cancel();
    cancelled.future().cancel();
    returned.set_running_or_notify_cancel();
    returned.set_result(42);
    raised.set_running_or_notify_cancel();
    raised.set_exception(std::out_of_range("raised"));
  }
};

/// The futures of these.
struct ConformanceWait : testing::Test {
  InEachState in;
  Future<int> pending = in.pending.future(), running = in.running.future(),
              cancelled = in.cancelled.future(), returned = in.returned.future(),
              raised = in.raised.future();
};

inline std::string text_of(const FutureBase& future) {
  std::ostringstream out;
  out << future;
  return out.str();
}

}  // namespace flagship::test
