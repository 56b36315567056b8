// SPDX-License-Identifier: MIT
#include "common/wire/outbox.hpp"

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>

namespace flagship::wire {
namespace {

constexpr std::uint8_t kSkipped = 0xff;  // as an ending

struct Record {
  std::uint64_t ticket;
  std::uint32_t size;  // of the payload, which follows, after the Measured if there is one
  std::uint8_t ending;
  std::uint8_t measured;
  std::uint16_t unused;
  std::int64_t wall;
};

struct Measured {
  std::int64_t user;
  std::int64_t system;
  std::uint64_t peak_rss;
};

static_assert(sizeof(Record) == 24 && sizeof(Measured) == 24, "without padding");

/// Takes a T off the front; false when there is too little.
template <class T>
bool read(std::string_view& in, T& value) {
  if (in.size() < sizeof value) return false;
  std::memcpy(&value, in.data(), sizeof value);
  in.remove_prefix(sizeof value);
  return true;
}

bool read(std::string_view& in, CallResult& result) {
  Record record{};
  Measured measured{};
  do {
    if (!read(in, record) || (record.measured != 0 && !read(in, measured))) return false;
    if (record.size > in.size()) return false;
  } while (record.ending == kSkipped);
  if (record.ending > static_cast<std::uint8_t>(CallEnding::bad_result) || record.wall < 0)
    return false;
  result.ticket = record.ticket;
  result.ending = static_cast<CallEnding>(record.ending);
  const std::chrono::nanoseconds wall(record.wall), user(measured.user), system(measured.system);
  result.usage = Usage{wall, user, system, measured.peak_rss};
  result.payload = in.substr(0, record.size);
  in.remove_prefix(record.size);
  return true;
}

}  // namespace

bool Outbox::keep(const CallResult& result, std::chrono::nanoseconds wall) {
  const Record record{result.ticket,
                      static_cast<std::uint32_t>(result.payload.size()),
                      static_cast<std::uint8_t>(result.ending),
                      static_cast<std::uint8_t>(result.usage ? 1 : 0),
                      0,
                      wall.count()};
  const std::size_t measured = result.usage ? sizeof(Measured) : 0;
  const std::size_t bytes = sizeof record + measured + result.payload.size();
  std::uint64_t at = end();
  if (!room_for(bytes)) return false;
  write(at, &record, sizeof record);
  at += sizeof record;
  if (result.usage) {
    const Measured usage{result.usage->user.count(), result.usage->system.count(),
                         result.usage->peak_rss};
    write(at, &usage, sizeof usage);
    at += sizeof usage;
  }
  write(at, result.payload.data(), result.payload.size());
  head().end.store(at + result.payload.size(), std::memory_order_release);
  return true;
}

bool Outbox::skip() {
  const Record record{0, 0, kSkipped, 0, 0, 0};
  if (!room_for(sizeof record)) return false;
  write(end(), &record, sizeof record);
  head().end.store(end() + sizeof record, std::memory_order_release);
  return true;
}

bool Outbox::room_for(std::size_t bytes) const {
  return end() + bytes - head().arrived.load(std::memory_order_acquire) <= kRing;
}

void Outbox::write(std::uint64_t at, const void* bytes, std::size_t size) {
  if (size == 0) return;
  const std::size_t from = at % kRing;
  const std::size_t first = std::min(size, kRing - from);
  std::byte* const ring = memory_ + kHeadBytes;
  std::memcpy(ring + from, bytes, first);
  if (first < size) std::memcpy(ring, static_cast<const std::byte*>(bytes) + first, size - first);
}

void Outbox::arrived(std::uint64_t end) {
  if (end > head().arrived.load(std::memory_order_relaxed))
    head().arrived.store(end, std::memory_order_release);
}

bool Outbox::empty() const {
  return head().end.load(std::memory_order_acquire) <=
         head().arrived.load(std::memory_order_relaxed);
}

Outbox::Unread Outbox::take() {
  Unread unread;
  const std::uint64_t begin = head().arrived.load(std::memory_order_relaxed);
  const std::uint64_t end = head().end.load(std::memory_order_acquire);
  if (end <= begin || end - begin > kRing) return unread;
  const auto copy = std::make_shared<std::string>(end - begin, '\0');
  const auto* const ring = reinterpret_cast<const char*>(memory_ + kHeadBytes);
  const std::size_t from = begin % kRing;
  const std::size_t first = std::min<std::size_t>(copy->size(), kRing - from);
  std::memcpy(copy->data(), ring + from, first);
  std::memcpy(copy->data() + first, ring, copy->size() - first);
  std::string_view in = *copy;
  for (CallResult result; !in.empty() && read(in, result);) {
    unread.busy += std::min(result.usage->wall, std::chrono::nanoseconds::max() - unread.busy);
    result.owner = copy;
    unread.results.push_back(result);
  }
  arrived(end);
  return unread;
}

}  // namespace flagship::wire
