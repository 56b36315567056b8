// SPDX-License-Identifier: MIT
// The arguments of map's chunks, as a worker reads them, and the outcomes that it makes of them.
// The first byte says how often to try again.
#include "flagship/detail/chunk.hpp"

#include <stdexcept>

#include "tests/fuzz/target.hpp"

namespace {

std::string repeated(const std::string& text, std::uint8_t times) {
  if (times % 4 == 3) throw std::invalid_argument(text);
  std::string all;
  for (int i = 0; i < times % 4; ++i) all += text;
  return all;
}

void check_outcomes(std::string_view bytes, std::uint32_t items) {
  flagship::Reader in(bytes);
  for (; items > 0; --items) {
    const bool returned = in.get<bool>();
    const auto value = in.get<std::string>();
    flagship::fuzz::check(returned || flagship::detail::unpack_exception(value) != nullptr,
                          "an exception is one");
  }
  flagship::fuzz::check(in.left() == 0, "an outcome for each item and nothing more");
}

}  // namespace

FUZZ_TARGET(chunk) {
  const int retries = flagship::fuzz::take<std::uint8_t>(bytes) % 3;
  std::string arguments;
  flagship::Writer(arguments).put(retries);
  flagship::Writer(arguments).put(true);  // all of it: nothing is noted here
  arguments += bytes;
  const auto items = flagship::fuzz::take<std::uint32_t>(bytes);
  flagship::Reader in(arguments);
  std::string outcomes;
  flagship::Writer out(outcomes);
  try {
    flagship::detail::invoke_chunk<repeated>(in, out);
  } catch (const flagship::detail::BadArguments&) {
    return;
  }
  check_outcomes(outcomes, items);
}
