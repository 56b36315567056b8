// SPDX-License-Identifier: MIT
#include "worker/fetch/decoder.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <string_view>

#include "tests/support/encoders.hpp"

namespace flagship::fetch {
namespace {

using testing::encoded;
using State = Decoder::State;

struct Decoded {
  State state = State::good;
  bool complete = false;
  std::string text;
};

Decoded decode(const char* encoding, std::string_view bytes, std::size_t piece) {
  const auto decoder = make_decoder(encoding);
  Decoded decoded;
  while (!bytes.empty() && decoded.state == State::good) {
    decoded.state = decoder->add(bytes.substr(0, piece), [&](std::string_view out) {
      decoded.text += out;
      return true;
    });
    bytes.remove_prefix(std::min(piece, bytes.size()));
  }
  decoded.complete = decoder->complete();
  return decoded;
}

std::string some_text() {
  std::string text;
  for (int i = 0; text.size() < 200'000; ++i) text += std::to_string(i * i) + ",";
  return text;
}

class EachDecoder : public ::testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(, EachDecoder, ::testing::Values("gzip", "br", "zstd"),
                         [](const auto& row) { return std::string(row.param); });

TEST_P(EachDecoder, GivesBackWhatWasEncodedInPiecesOfAnySize) {
  const std::string text = some_text();
  const std::string bytes = encoded(GetParam(), text);
  for (const std::size_t piece : {std::size_t{1}, std::size_t{1000}, bytes.size()}) {
    const Decoded decoded = decode(GetParam(), bytes, piece);
    EXPECT_EQ(decoded.state, State::good);
    EXPECT_TRUE(decoded.complete);
    EXPECT_EQ(decoded.text, text);
  }
}

TEST_P(EachDecoder, KnowsThatAStreamIsCutOffWhereverThatIs) {
  const std::string bytes = encoded(GetParam(), some_text());
  for (const std::size_t left : {std::size_t{1}, bytes.size() / 2, bytes.size() - 1}) {
    const Decoded decoded = decode(GetParam(), std::string_view(bytes).substr(0, left), 4096);
    EXPECT_EQ(decoded.state, State::good);
    EXPECT_FALSE(decoded.complete) << left << " of " << bytes.size();
  }
}

TEST_P(EachDecoder, KnowsThatBytesAreNotEncodedSo) {
  EXPECT_EQ(
      decode(GetParam(), "\x01not encoded at all, in no way that is known to anybody", 4096).state,
      State::malformed);
}

TEST_P(EachDecoder, MakesOfABombNoMoreThanIsWanted) {
  const std::string bytes = encoded(GetParam(), std::string(50'000'000, 'x'));
  const auto decoder = make_decoder(GetParam());
  std::size_t made = 0;
  const auto state = decoder->add(bytes, [&](std::string_view out) {
    EXPECT_LE(out.size(), 16u * 1024);
    made += out.size();
    return made < 100'000;
  });
  EXPECT_EQ(state, State::unwanted);
  EXPECT_LT(made, 120'000u);
}

TEST(Decoder, TakesAGzipFileOfSeveralMembers) {
  const Decoded decoded = decode("gzip", encoded("gzip", "one,") + encoded("gzip", "two"), 4096);
  EXPECT_TRUE(decoded.complete);
  EXPECT_EQ(decoded.text, "one,two");
}

TEST(Decoder, IsThereForNoOtherEncoding) {
  for (const char* other : {"", "deflate", "gzip,gzip", "compress"})
    EXPECT_EQ(make_decoder(other), nullptr) << other;
}

}  // namespace
}  // namespace flagship::fetch
