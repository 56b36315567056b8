// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <type_traits>
#include <utility>

#include "flagship/serializer.hpp"
#include "flagship/task.hpp"

namespace flagship {

/// A call that each worker makes before its first task, as `initializer<fn>(args...)` gives it. A
/// value.
struct Initializer {
  std::uint64_t function = 0;  // 0: none
  std::string payload{};
};

/// What `fn(args...)` throws in a worker breaks the pool, with its message.
template <auto F, class... A>
Initializer initializer(A&&... args) {
  Initializer made{detail::task_key<F>()};
  Writer out(made.payload);
  out.put(detail::arguments_of<F>(std::forward<A>(args)...));
  return made;
}

}  // namespace flagship
