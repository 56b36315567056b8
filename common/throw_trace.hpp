// SPDX-License-Identifier: MIT
// Where a task threw. A `throw` calls the C++ runtime's __cxa_throw; a definition of ours comes
// first, looks whether this thread runs a task, notes the return addresses if so, and goes on to
// the runtime's. It is weak: a program that has another, as by linking the runtime statically,
// keeps that, and there are no backtraces.
#pragma once

#include <exception>
#include <string>
#include <string_view>
#include <typeinfo>

namespace flagship::detail {

/// While it lives, remembers where its thread threw last, from there up to the function that it
/// lives in. Remembering allocates nothing: std::bad_alloc is thrown too.
class ThrowTrace {
 public:
  /// `task`: the name of the function that is called, for when it was inlined; it outlives this.
  [[gnu::always_inline]] inline explicit ThrowTrace(std::string_view task)
      : ThrowTrace(task, __builtin_frame_address(0)) {}
  ThrowTrace(const ThrowTrace&) = delete;
  ThrowTrace& operator=(const ThrowTrace&) = delete;
  ~ThrowTrace();

  /// `thrown_at`: what the throw returns to, which it never does.
  void remember(const void* object, const std::type_info& type, void* thrown_at) noexcept;
  bool is_of(const std::exception_ptr& error) const noexcept;
  /// One function a line, innermost first.
  std::string text() const;

  /// Null: it runs no task. For signal handlers too, like what follows.
  static const ThrowTrace* of_this_thread() noexcept;
  std::string_view task() const noexcept { return task_; }
  const void* frame() const noexcept { return frame_; }

 private:
  static constexpr std::size_t kMostFrames = 32;
  ThrowTrace(std::string_view task, void* frame);

  std::string_view task_;
  void* const frame_;
  ThrowTrace* const outer_;
  const void* object_ = nullptr;
  const std::type_info* type_ = nullptr;
  std::size_t count_ = 0;
  void* returns_[kMostFrames];
};

/// Where this thread's task threw `error`; empty when it did not, or nobody knows.
std::string backtrace_of(const std::exception_ptr& error) noexcept;

}  // namespace flagship::detail
