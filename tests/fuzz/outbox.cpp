// SPDX-License-Identifier: MIT
// What a supervisor reads out of the memory that a worker has written, whatever that did to it. The
// input: a byte, the two positions, and what lies in the ring from the first of them on; when the
// byte is even, the second position is the end of that.
#include "common/wire/outbox.hpp"

#include <cstring>
#include <string>

#include "tests/fuzz/target.hpp"

namespace {

using flagship::wire::Outbox;

constexpr std::size_t kHead = 4 * 1024;
constexpr std::size_t kRing = Outbox::kBytes - kHead;

struct Memory {
  alignas(64) std::byte bytes[Outbox::kBytes];
};

void put(Memory& memory, std::uint64_t at, std::string_view bytes) {
  for (std::size_t i = 0; i < bytes.size(); ++i)
    memory.bytes[kHead + (at + i) % kRing] = static_cast<std::byte>(bytes[i]);
}

}  // namespace

FUZZ_TARGET(outbox) {
  using flagship::fuzz::check;
  static auto& memory = *new Memory{};
  bytes = bytes.substr(0, kRing + 17);
  const auto mode = flagship::fuzz::take<std::uint8_t>(bytes);
  const auto arrived = flagship::fuzz::take<std::uint64_t>(bytes);
  auto end = flagship::fuzz::take<std::uint64_t>(bytes);
  if (mode % 2 == 0) end = arrived + bytes.size();
  std::memcpy(memory.bytes, &end, sizeof end);
  std::memcpy(memory.bytes + sizeof end, &arrived, sizeof arrived);
  put(memory, arrived, bytes);

  Outbox outbox(memory.bytes);
  std::size_t payloads = 0;
  const Outbox::Unread unread = outbox.take();
  for (const auto& result : unread.results) {
    flagship::fuzz::touch(result.payload);
    payloads += result.payload.size();
    check(result.ending <= flagship::wire::CallEnding::bad_result, "an ending that there is");
    check(result.usage.has_value(), "each says how long it ran");
  }
  check(payloads <= kRing, "not more than the ring can hold");
  check(unread.busy.count() >= 0, "a running time is not negative");
  check(end > arrived && end - arrived > kRing ? unread.results.empty() : outbox.empty(),
        "what was taken has arrived");
  put(memory, arrived, std::string(bytes.size(), '\0'));  // as it was
}
