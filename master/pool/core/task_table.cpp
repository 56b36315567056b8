// SPDX-License-Identifier: MIT
#include "master/pool/core/task_table.hpp"

#include <cassert>

namespace flagship::core {

TaskRecord& TaskTable::add(TaskId task) {
  if (task >= records_.size()) records_.resize(std::size_t{task} + 1);
  assert(records_[task].where == Where::nowhere);
  records_[task] = {};
  return records_[task];
}

TaskTable::Queue& TaskTable::queue_of(std::int32_t priority) {
  return priority == 0 ? usual_ : others_[priority];
}

void TaskTable::enqueue(TaskId task) {
  TaskRecord& record = records_[task];
  record.where = Where::queued;
  record.stamp = next_stamp();
  queue_of(record.priority).push_back({task, record.stamp});
  ++queued_;
}

void TaskTable::enqueue_first(TaskId task) {
  TaskRecord& record = records_[task];
  record.where = Where::queued;
  record.stamp = next_stamp();
  queue_of(record.priority).push_front({task, record.stamp});
  ++queued_;
}

TaskId TaskTable::pop() {
  assert(queued_ > 0);
  --queued_;
  auto other = others_.begin();
  for (; other != others_.end() && other->first > 0; other = others_.erase(other))
    if (const auto task = take(other->second)) return *task;
  if (const auto task = take(usual_)) return *task;
  for (; other != others_.end(); other = others_.erase(other))
    if (const auto task = take(other->second)) return *task;
  assert(false && "queued() counts tasks that are not in a queue");
  return 0;
}

std::optional<TaskId> TaskTable::take(Queue& queue) {
  while (!queue.empty()) {
    const Entry entry = queue.front();
    queue.pop_front();
    const TaskRecord& record = records_[entry.task];
    if (record.where == Where::queued && record.stamp == entry.stamp) return entry.task;
  }
  return std::nullopt;
}

void TaskTable::unqueue(TaskId task) {
  assert(records_[task].where == Where::queued);
  records_[task].where = Where::nowhere;
  --queued_;
}

void TaskTable::forget(TaskId task) { records_[task].where = Where::nowhere; }

}  // namespace flagship::core
