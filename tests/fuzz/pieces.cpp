// SPDX-License-Identifier: MIT
// What a supervisor puts together of a worker's pieces. The input is a row of messages: a byte says
// how many frames one has, another how long each is.
#include "common/wire/pieces.hpp"

#include <string>

#include "tests/fuzz/target.hpp"

namespace {

using flagship::wire::Blobs;

constexpr std::size_t kMost = 512;
constexpr std::size_t kLeast = 16;

Blobs next_message(std::string_view& bytes) {
  Blobs message;
  const auto frames = flagship::fuzz::take<std::uint8_t>(bytes) % 5u;
  for (unsigned i = 0; i < frames; ++i) {
    const std::size_t size = flagship::fuzz::take<std::uint8_t>(bytes);
    message.push_back({bytes.substr(0, size), nullptr});
    bytes.remove_prefix(message.back().bytes.size());
  }
  return message;
}

}  // namespace

FUZZ_TARGET(pieces) {
  using flagship::fuzz::check;
  flagship::wire::PieceReader reader(kMost, kLeast);
  std::size_t kept = 0;
  while (!bytes.empty()) {
    Blobs message = next_message(bytes);
    const Blobs before = message;
    if (!reader.take(message)) {
      kept += before.at(2).bytes.size();
      continue;
    }
    check(message.size() == before.size(), "a whole message has the frames that it came with");
    for (std::size_t i = 0; i < message.size(); ++i) {
      flagship::fuzz::touch(message[i].bytes);
      if (message[i].bytes.data() == before[i].bytes.data()) continue;
      check(i > 0 && before[i].bytes.empty(), "only an empty frame is filled");
      check(message[i].bytes.size() >= kLeast, "and with what was worth cutting");
      kept -= message[i].bytes.size();
    }
    check(kept <= kMost, "no more waits than may");
  }
}
