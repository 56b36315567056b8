// SPDX-License-Identifier: MIT
// How the pool of an agent is to be: what its master's PoolOptions say that concerns workers.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "flagship/isolation.hpp"

namespace flagship {

/// Written and read by the serializer; both sides are of one build.
struct PoolTerms {
  std::string name;
  std::int32_t workers = 0;      // 0: the CPUs that the agent may use
  std::int32_t max_running = 0;  // as PoolOptions has it; the agent's share
  std::int32_t max_tasks_per_worker = 0;
  std::uint64_t max_worker_rss = 0;
  std::int64_t task_timeout_ns = 0;
  std::int64_t interrupt_grace_ns = 0;
  std::int64_t flush_after_ns = 0;
  std::uint64_t max_message_bytes = 0;
  std::uint64_t initializer_function = 0;  // 0: none
  std::string initializer;
  std::optional<std::uint64_t> memory, address_space, data, cpu_seconds, open_files, file_size,
      processes;
  bool core = false;
  Isolation isolation;
  std::int64_t leaves_after_ns = 0;  // it leaves by itself then; 0: it stays
};

}  // namespace flagship
