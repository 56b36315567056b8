// SPDX-License-Identifier: MIT
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "common/type_name.hpp"
#include "flagship/exception.hpp"

namespace flagship::detail {
namespace {

using Table = std::unordered_map<std::string, ExceptionKind>;  // by mangled name

Table& table() {
  static Table kinds;
  return kinds;
}

/// Types in anonymous namespaces are their file's own, though another file's may have the same
/// name; their type_info is one object. Any other type may have one in each module.
bool same(const std::type_info& a, const std::type_info& b) {
  if (&a == &b) return true;
  return a == b && std::string_view(a.name()).find("_GLOBAL__N_") == std::string_view::npos;
}

[[noreturn]] void clash(const ExceptionKind& first, const ExceptionKind& second) {
  std::fprintf(
      stderr,
      "flagship: two exceptions are called '%s': %s and %s; give one of them another name\n",
      demangle(second.type->name()).c_str(), first.where.c_str(), second.where.c_str());
  std::_Exit(3);
}

}  // namespace

bool register_exception(ExceptionKind kind) {
  const auto [at, added] = table().try_emplace(kind.type->name(), kind);
  if (!added && !same(*at->second.type, *kind.type)) clash(at->second, kind);
  return true;
}

const ExceptionKind* find_exception(const std::string& mangled_name) {
  const Table& kinds = table();
  const auto at = kinds.find(mangled_name);
  return at == kinds.end() ? nullptr : &at->second;
}

const ExceptionKind* find_exception(const std::type_info& type) {
  const ExceptionKind* const kind = find_exception(std::string(type.name()));
  return kind != nullptr && same(*kind->type, type) ? kind : nullptr;
}

const char* kept_text(const std::string& text) {
  static std::mutex mutex;
  static auto& texts = *new std::unordered_set<std::string>;  // outlives static exceptions
  const std::lock_guard lock(mutex);
  return texts.insert(text).first->c_str();
}

}  // namespace flagship::detail
