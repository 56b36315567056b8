// SPDX-License-Identifier: MIT
#include "flagship/serializer.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>

namespace flagship::detail {

void throw_too_short() { throw SerializationError("the payload ends too early"); }

void expect_large(void* memory, std::size_t bytes) noexcept {
  const auto page = static_cast<std::uintptr_t>(sysconf(_SC_PAGESIZE));
  const auto begin = (reinterpret_cast<std::uintptr_t>(memory) + page - 1) & ~(page - 1);
  const auto end = (reinterpret_cast<std::uintptr_t>(memory) + bytes) & ~(page - 1);
  if (begin < end) madvise(reinterpret_cast<void*>(begin), end - begin, MADV_HUGEPAGE);
}

}  // namespace flagship::detail
