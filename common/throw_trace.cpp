// SPDX-License-Identifier: MIT
#include "common/throw_trace.hpp"

#include <cxxabi.h>
#include <dlfcn.h>
#include <unwind.h>

#include <cstdlib>
#include <cstring>
#include <unordered_map>
#include <vector>

#include "common/symbols.hpp"
#include "common/trace_text.hpp"

namespace flagship::detail {
namespace {

constexpr std::size_t kMostKnown = 4096;

constinit thread_local ThrowTrace* running = nullptr;

/// A walk up the stack from where something was thrown.
struct Walk {
  void* const thrown_at;
  void* const last_frame;
  void** const returns;
  const std::size_t room;
  std::size_t count = 0;
};

_Unwind_Reason_Code step(_Unwind_Context* context, void* walk_of) {
  Walk& walk = *static_cast<Walk*>(walk_of);
  if (walk.count == walk.room ||
      _Unwind_GetCFA(context) > reinterpret_cast<_Unwind_Word>(walk.last_frame))
    return _URC_END_OF_STACK;
  void* const at = reinterpret_cast<void*>(_Unwind_GetIP(context));
  if (walk.count > 0 || at == walk.thrown_at) walk.returns[walk.count++] = at;
  return _URC_NO_REASON;
}

/// libstdc++'s exception_ptr is the address of what was thrown, which it does not tell.
const void* object_of(const std::exception_ptr& error) {
  static_assert(sizeof error == sizeof(void*));
  const void* object = nullptr;
  std::memcpy(&object, &error, sizeof object);
  return object;
}

/// Every address is looked up once: what threw tends to throw again.
std::vector<Symbol> known_symbols(std::span<void* const> returns) {
  static thread_local std::unordered_map<void*, Symbol> known;
  if (known.size() > kMostKnown) known.clear();
  std::vector<void*> unknown;
  for (void* const at : returns)
    if (!known.contains(at)) unknown.push_back(at);
  std::vector<Symbol> found = symbols_of(unknown);
  for (std::size_t i = 0; i < found.size(); ++i) known.emplace(unknown[i], std::move(found[i]));
  std::vector<Symbol> symbols;
  for (void* const at : returns) symbols.push_back(known.at(at));
  return symbols;
}

}  // namespace

ThrowTrace::ThrowTrace(std::string_view task, void* frame)
    : task_(task), frame_(frame), outer_(running) {
  running = this;
}

ThrowTrace::~ThrowTrace() { running = outer_; }

void ThrowTrace::remember(const void* object, const std::type_info& type,
                          void* thrown_at) noexcept {
  Walk walk{thrown_at, frame_, returns_, kMostFrames};
  _Unwind_Backtrace(step, &walk);
  count_ = walk.count;
  object_ = object;
  type_ = &type;
}

bool ThrowTrace::is_of(const std::exception_ptr& error) const noexcept {
  return object_ != nullptr && object_of(error) == object_ &&
         *error.__cxa_exception_type() == *type_;
}

std::string ThrowTrace::text() const {
  return trace_text(known_symbols({returns_, count_}), task_);
}

const ThrowTrace* ThrowTrace::of_this_thread() noexcept { return running; }

std::string backtrace_of(const std::exception_ptr& error) noexcept {
  const ThrowTrace* const trace = running;
  if (trace == nullptr || !trace->is_of(error)) return {};
  try {
    return trace->text();
  } catch (...) {  // no memory for it
    return {};
  }
}

namespace {

using Throw = void (*)(void* object, std::type_info* type, void (*destroy)(void*));

Throw runtimes_throw() {
  static const auto next = reinterpret_cast<Throw>(dlsym(RTLD_NEXT, "__cxa_throw"));
  return next;
}

// Before main, so that no throw has to look for it.
[[maybe_unused]] const Throw found_early = runtimes_throw();

}  // namespace
}  // namespace flagship::detail

extern "C" [[gnu::weak, gnu::used, gnu::visibility("default")]] void __cxa_throw(
    void* object, std::type_info* type, void (*destroy)(void*)) {
  using namespace flagship::detail;
  if (running != nullptr) running->remember(object, *type, __builtin_return_address(0));
  const Throw next = runtimes_throw();
  if (next == nullptr) std::abort();  // a runtime that is linked statically has its own, not ours
  next(object, type, destroy);
  __builtin_unreachable();
}
