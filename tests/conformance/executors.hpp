// SPDX-License-Identifier: MIT
// Which executors a row is tested on. scripts/conformance_table knows these names:
//
//   Conformance, ConformanceWait   futures by themselves, made by promises
//   ConformanceEverywhere          each of the three executors
//   ConformancePools               threads and processes
//   ConformanceThreads, ConformanceProcesses
//   ConformanceMixed               all three at once
#pragma once

#include <gtest/gtest.h>

#include <flagship/flagship.hpp>
#include <memory>
#include <ostream>

namespace flagship::test {

enum class Kind { inline_, threads, processes };
void PrintTo(Kind kind, std::ostream* out);

/// An executor of whatever kind, for tests that do not care.
class TestedExecutor {
 public:
  TestedExecutor(Kind kind, int workers) : TestedExecutor(make(kind, workers)) {}
  const AnyExecutor* operator->() const { return &any_; }
  const AnyExecutor& operator*() const { return any_; }
  /// Its destructor's turn.
  void let_go() { owner_.reset(); }

 private:
  template <class E>
  explicit TestedExecutor(const std::shared_ptr<E>& owner) : owner_(owner), any_(*owner) {}
  static TestedExecutor make(Kind kind, int workers) {
    if (kind == Kind::inline_) return TestedExecutor(std::make_shared<InlineExecutor>());
    if (kind == Kind::threads)
      return TestedExecutor(
          std::make_shared<ThreadPoolExecutor>(ThreadPoolOptions{.max_workers = workers}));
    return TestedExecutor(
        std::make_shared<ProcessPoolExecutor>(PoolOptions{.max_workers = workers}));
  }

  std::shared_ptr<void> owner_;
  AnyExecutor any_;
};

struct ConformanceEverywhere : testing::TestWithParam<Kind> {
  TestedExecutor make(int workers = 1) const { return {GetParam(), workers}; }
  bool in_processes() const { return GetParam() == Kind::processes; }
};
struct ConformancePools : ConformanceEverywhere {};
struct ConformanceThreads : testing::Test {};
struct ConformanceProcesses : testing::Test {};
struct ConformanceMixed : testing::Test {};

}  // namespace flagship::test
