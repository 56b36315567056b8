// SPDX-License-Identifier: MIT
#include "master/pool/core/agenda.hpp"

namespace flagship::core {

void Agenda::add(std::uint32_t id, Time at) {
  if (times_[id] && *times_[id] <= at) return;
  remove(id);
  times_[id] = at;
  order_.emplace(at, id);
}

void Agenda::remove(std::uint32_t id) {
  if (!times_[id]) return;
  order_.erase({*times_[id], id});
  times_[id].reset();
}

void Agenda::clear() {
  for (const auto& [at, id] : order_) times_[id].reset();
  order_.clear();
}

std::optional<Time> Agenda::next() const {
  if (order_.empty()) return std::nullopt;
  return order_.begin()->first;
}

std::vector<std::uint32_t> Agenda::take_due(Time now) {
  std::vector<std::uint32_t> due;
  while (!order_.empty() && order_.begin()->first <= now) {
    due.push_back(order_.begin()->second);
    remove(due.back());
  }
  return due;
}

}  // namespace flagship::core
