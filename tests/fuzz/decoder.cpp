// SPDX-License-Identifier: MIT
// An encoded body; the first byte chooses the encoding, the second the pieces in which it comes.
#include "worker/fetch/decoder.hpp"

#include <algorithm>
#include <array>
#include <cstddef>

#include "tests/fuzz/target.hpp"

FUZZ_TARGET(decoder) {
  using flagship::fetch::Decoder;
  using flagship::fuzz::check;
  constexpr std::size_t kWanted = 1 << 20;
  const std::size_t piece = flagship::fuzz::take<std::uint8_t>(bytes) + std::size_t{1};
  constexpr std::array kEncodings{"gzip", "br", "zstd"};
  const auto decoder =
      flagship::fetch::make_decoder(kEncodings[flagship::fuzz::take<std::uint8_t>(bytes) % 3]);
  std::size_t made = 0;
  auto state = Decoder::State::good;
  while (!bytes.empty() && state == Decoder::State::good) {
    state = decoder->add(bytes.substr(0, piece), [&](std::string_view out) {
      check(!out.empty() && out.size() <= 16 * 1024, "a piece is bounded");
      made += out.size();
      return made < kWanted;
    });
    bytes.remove_prefix(std::min(piece, bytes.size()));
  }
  check(made < kWanted + 16 * 1024, "no more is made than is wanted");
  check(state != Decoder::State::unwanted || made >= kWanted, "all is wanted up to there");
}
