// SPDX-License-Identifier: MIT
// What a chunk's worker has noted of its items, as it is read after its death. The first eight
// bytes are how many it says that they are; the next one is whether they are of this call.
#include <cstring>
#include <string>

#include "flagship/detail/chunk.hpp"
#include "flagship/detail/chunk_notes.hpp"
#include "flagship/serializer.hpp"
#include "tests/fuzz/target.hpp"

namespace {

using flagship::detail::ChunkNotes;
using flagship::fuzz::check;

constexpr std::uint64_t kTicket = 7;
constexpr int kEnough = 64;  // items: behind them come others like them

void read_outcomes(std::string_view outcomes) {
  flagship::Reader in(outcomes);
  try {
    for (int items = 0; in.left() > 0 && items < kEnough; ++items) {
      if (in.get<bool>())
        flagship::fuzz::touch(in.get<std::string>());
      else
        check(flagship::detail::unpack_exception(in.get<std::string>()) != nullptr,
              "an exception is one");
    }
  } catch (const flagship::SerializationError&) {
  }
}

}  // namespace

FUZZ_TARGET(outcomes) {
  static auto& notes = *new ChunkNotes::Shared{};
  const auto said = flagship::fuzz::take<std::uint64_t>(bytes);
  notes.ticket = kTicket + flagship::fuzz::take<std::uint8_t>(bytes) % 2;
  bytes = bytes.substr(0, ChunkNotes::kRoom);
  notes.bytes = said % 8 == 0 ? bytes.size() : said;
  std::memcpy(notes.room, bytes.data(), bytes.size());
  const std::string_view noted = ChunkNotes::read(notes, kTicket);
  check(noted.empty() || (notes.ticket == kTicket && noted.size() == notes.bytes),
        "it is of this call");
  check(noted.size() <= ChunkNotes::kRoom, "not more than there is room for");
  read_outcomes(noted);
  std::memset(notes.room, 0, bytes.size());  // as it was
}
