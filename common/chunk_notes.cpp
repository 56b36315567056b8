// SPDX-License-Identifier: MIT
#include "flagship/detail/chunk_notes.hpp"

namespace flagship::detail {
namespace {

struct Noting {
  ChunkNotes::Shared* shared = nullptr;
  std::uint64_t ticket = 0;
};
constinit thread_local Noting noting;

}  // namespace

void ChunkNotes::begin_call(Shared* shared, std::uint64_t ticket) { noting = {shared, ticket}; }

ChunkNotes ChunkNotes::of_this_call() {
  if (noting.shared != nullptr) {
    noting.shared->bytes.store(0, std::memory_order_relaxed);
    noting.shared->ticket.store(noting.ticket, std::memory_order_release);
  }
  return ChunkNotes(noting.shared);
}

std::string_view ChunkNotes::read(const Shared& shared, std::uint64_t ticket) {
  if (shared.ticket.load(std::memory_order_acquire) != ticket) return {};
  const std::uint64_t bytes = shared.bytes.load(std::memory_order_acquire);
  return bytes <= kRoom ? std::string_view(shared.room, bytes) : std::string_view();
}

}  // namespace flagship::detail
