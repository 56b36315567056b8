// SPDX-License-Identifier: MIT
// The calls of a test of chaos, and all that is known of each.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <flagship/flagship.hpp>
#include <memory>
#include <stdexcept>
#include <string>

#include "tests/chaos/sheet.hpp"
#include "tests/support/gate.hpp"

namespace flagship::chaos {

/// What a call does after it has noted that it began.
enum class Way { work, rest, print, grow, raise, crash, hang };
/// How it ended; `wrong`: as it cannot.
enum class End { none, returned, raised, cancelled, timed_out, died, wrong };

struct Task {
  std::string sheet;
  std::uint32_t row = 0;
  Way way = Way::work;
  std::uint32_t micros = 0;
};
/// What workers run.
std::string run(const Task& task);
std::string right_result(const Task& task);

class Calls {
 public:
  struct Record {
    Task task;
    End end = End::none;
    std::atomic<int> told{0};          // how often its callback was called, or map came to it
    std::atomic<bool> stopped{false};  // cancel or interrupt said so
  };

  explicit Calls(std::size_t count);
  std::size_t count() const { return count_; }
  Record& operator[](std::size_t i) const { return records_[i]; }
  /// What the call says itself.
  const Sheet::Row& row(std::size_t i) const { return sheet_[i]; }
  /// Of those that were not cancelled, as they end.
  std::atomic<std::size_t>& ended() { return ended_; }
  std::size_t ended_with(End end) const;

  /// One outcome each, of a kind that there can be, told once.
  void expect_one_end_each() const;
  /// Also when its worker died of it; and what returned has ended.
  void expect_one_beginning_each() const;
  void print(std::size_t killed, std::chrono::steady_clock::duration took) const;

 private:
  const test::Folder folder_;
  const std::size_t count_;
  const std::unique_ptr<Record[]> records_;
  const Sheet sheet_;
  std::atomic<std::size_t> ended_{0};
};

/// `look` returns its result or throws what it threw.
template <class Look>
End end_of(const Task& task, Look&& look) {
  try {
    return look() == right_result(task) ? End::returned : End::wrong;
  } catch (const std::out_of_range& error) {
    return error.what() == right_result(task) ? End::raised : End::wrong;
  } catch (const CancelledError&) {
    return End::cancelled;
  } catch (const TaskTimeout&) {
    return End::timed_out;
  } catch (const WorkerDied&) {
    return End::died;
  } catch (const std::exception&) {
    return End::wrong;
  }
}

/// Submits one by one.
Future<std::string> submit(const ProcessPoolExecutor& pool, Calls& calls, std::size_t i);
/// Runs those from `begin` on through `map`.
void map_from(std::size_t begin, const ProcessPoolExecutor& pool, Calls& calls);
/// As many calls run at once as it has workers, and then nothing is left to do.
void expect_whole(const ProcessPoolExecutor& pool, std::size_t workers);

}  // namespace flagship::chaos
