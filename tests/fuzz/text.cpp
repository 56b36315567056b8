// SPDX-License-Identifier: MIT
// Text from outside that is going to be shown. The first byte is the most that may be.
#include "worker/fetch/text.hpp"

#include "tests/fuzz/target.hpp"

FUZZ_TARGET(text) {
  using namespace flagship::fetch;
  using flagship::fuzz::check;
  const std::size_t most = flagship::fuzz::take<std::uint8_t>(bytes);
  const std::string shown = printable(bytes, most);
  check(shown.size() <= most, "not more than was asked for");
  check(printable(shown, most) == shown, "what can be shown is left as it is");
  check(shown.find_first_of("\n\r\x1b\x7f") == std::string::npos, "nothing moves the cursor");
  check(trimmed(trimmed(bytes)) == trimmed(bytes), "blanks are gone at once");
  check(same_word(bytes, lower(bytes)), "only the case differs");
  if (const auto number = digits(bytes))
    check(digits(std::to_string(*number)) == number, "a number is the same when written");
}
