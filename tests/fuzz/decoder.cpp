// SPDX-License-Identifier: MIT
// An encoded body. The first byte says how it is encoded, and how much comes at a time.
#include "worker/fetch/decoder.hpp"

#include <algorithm>
#include <array>
#include <string>

#include "tests/fuzz/target.hpp"

namespace {

using flagship::fetch::Decoder;
using flagship::fuzz::check;

constexpr std::size_t kEnough = 64 * 1024;  // of what came out: it need not end
constexpr std::array kEncodings{"gzip", "br", "zstd"};

struct Decoded {
  Decoder::State state = Decoder::State::good;
  bool complete = false;
  std::string text;
};

Decoded decode(const char* encoding, std::string_view bytes, std::size_t at_a_time) {
  Decoded decoded;
  const auto decoder = flagship::fetch::make_decoder(encoding);
  while (!bytes.empty() && decoded.state == Decoder::State::good) {
    decoded.state = decoder->add(bytes.substr(0, at_a_time), [&](std::string_view out) {
      check(!out.empty() && out.size() <= kEnough, "what comes out is a piece");
      decoded.text += out;
      return decoded.text.size() < kEnough;
    });
    bytes.remove_prefix(std::min(bytes.size(), at_a_time));
  }
  decoded.complete = decoder->complete();
  return decoded;
}

}  // namespace

FUZZ_TARGET(decoder) {
  const auto how = flagship::fuzz::take<std::uint8_t>(bytes);
  const char* const encoding = kEncodings[how % kEncodings.size()];
  const Decoded whole = decode(encoding, bytes, bytes.size());
  const Decoded pieces = decode(encoding, bytes, 1 + how / kEncodings.size());
  // A decoder may have given more, or less, of what is malformed further on.
  if (whole.state == Decoder::State::unwanted || pieces.state == Decoder::State::unwanted) return;
  check(pieces.state == whole.state, "it is sound or not however it comes");
  if (whole.state == Decoder::State::malformed) return;
  check(pieces.complete == whole.complete, "it is complete or not however it comes");
  if (whole.complete) return check(pieces.text == whole.text, "it is the same however it comes");
  // More or less of what has not come to its end may still be kept back.
  check(pieces.text.starts_with(whole.text) || whole.text.starts_with(pieces.text),
        "what came so far is the same however it comes");
}
