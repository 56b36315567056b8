// SPDX-License-Identifier: MIT
#include <cstdio>
#include <cstdlib>
#include <unordered_map>

#include "common/build_id.hpp"
#include "flagship/task.hpp"

namespace flagship::detail {
namespace {

constexpr std::uint64_t kNamed = 1ull << 63;

using Table = std::unordered_map<std::uint64_t, Task>;

Table& table() {
  static Table tasks;
  return tasks;
}

[[noreturn]] void clash(const Task& first, const Task& second) {
  std::fprintf(stderr, "flagship: the task name '%s' is given to two functions: %s and %s\n",
               second.name.c_str(), first.where.c_str(), second.where.c_str());
  std::_Exit(3);
}

}  // namespace

std::uint64_t key_of(std::string_view name) {
  std::uint64_t hash = 0xcbf29ce484222325ull;  // FNV-1a
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ull;
  return hash | kNamed;
}

std::uint64_t key_of(Invoke wrapper) {
  const ModuleAddress at = locate(reinterpret_cast<const void*>(wrapper));
  return (at.module_hash * 0x9e3779b97f4a7c15ull + at.offset) & ~kNamed;
}

bool register_task(Invoke wrapper, std::string_view name) {
  const std::uint64_t key = key_of(wrapper);
  table().try_emplace(key, Task{key, std::string(name), wrapper, {}});
  return true;
}

bool register_named(std::string_view name, Invoke wrapper, const char* file, int line) {
  Task task{key_of(name), std::string(name), wrapper,
            std::string(file) + ":" + std::to_string(line)};
  const auto [at, added] = table().try_emplace(task.key, task);
  if (!added && (at->second.invoke != wrapper || at->second.name != name)) clash(at->second, task);
  return true;
}

const Task* find_task(std::uint64_t key) {
  const Table& tasks = table();
  const auto at = tasks.find(key);
  return at == tasks.end() ? nullptr : &at->second;
}

}  // namespace flagship::detail
