// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <vector>

#include "master/pool/core/types.hpp"

namespace flagship::core {

enum class Where : std::uint8_t { nowhere, queued, held };

struct TaskRecord {
  std::uint32_t stamp = 0;   // of its last queueing or handing over
  std::uint32_t worker = 0;  // while held
  std::uint32_t place = 0;
  Duration timeout{};
  std::int32_t priority = 0;
  std::int32_t retries = 0;
  std::uint16_t begun = 0;  // attempts that are known to have begun and ended without a result
  Where where = Where::nowhere;
};

/// Every task that is known, and the queue of those that wait: highest priority first, then first
/// come.
class TaskTable {
 public:
  TaskRecord& operator[](TaskId task) { return records_[task]; }
  const TaskRecord& operator[](TaskId task) const { return records_[task]; }
  bool known(TaskId task) const {
    return task < records_.size() && records_[task].where != Where::nowhere;
  }

  TaskRecord& add(TaskId task);
  void enqueue(TaskId task);
  /// Before all others of its priority: a task that lost its worker does not lose its turn.
  void enqueue_first(TaskId task);
  /// The next task; the queue must not be empty.
  TaskId pop();
  /// Takes a task out of the queue.
  void unqueue(TaskId task);
  void forget(TaskId task);

  std::size_t queued() const { return queued_; }
  std::size_t size() const { return records_.size(); }
  /// Never 0, also when they have gone round: a ticket of 0 is none.
  std::uint32_t next_stamp() { return ++last_stamp_ != 0 ? last_stamp_ : ++last_stamp_; }

 private:
  struct Entry {  // of a task that left the queue meanwhile when the stamps differ
    TaskId task;
    std::uint32_t stamp;
  };
  using Queue = std::deque<Entry>;
  Queue& queue_of(std::int32_t priority);
  std::optional<TaskId> take(Queue& queue);

  std::vector<TaskRecord> records_;
  Queue usual_;  // priority 0: nearly all there is
  std::map<std::int32_t, Queue, std::greater<>> others_;
  std::size_t queued_ = 0;
  std::uint32_t last_stamp_ = 0;
};

}  // namespace flagship::core
