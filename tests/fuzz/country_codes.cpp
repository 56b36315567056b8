// SPDX-License-Identifier: MIT
// Country codes as they are typed, separated by blanks, and a template that they are put into.
#include "master/fetch/country_codes.hpp"

#include <algorithm>
#include <stdexcept>

#include "master/fetch/source.hpp"
#include "tests/fuzz/target.hpp"

FUZZ_TARGET(country_codes) {
  using namespace flagship::fetch;
  using flagship::fuzz::check;
  const std::string text(bytes);
  std::vector<std::string> arguments;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t blank = std::min(text.find(' ', at), text.size());
    arguments.push_back(text.substr(at, blank - at));
    at = blank + 1;
  }
  try {
    const Codes codes = codes_of(arguments);
    check(!codes.empty() && codes.size() <= 26 * 26, "from 1 to 676 codes");
    for (const std::string& code : codes)
      check(
          code.size() == 2 && code[0] >= 'A' && code[0] <= 'Z' && code[1] >= 'A' && code[1] <= 'Z',
          "a code is two capital letters");
  } catch (const std::invalid_argument&) {
  }
  const std::string filled = fill_in(text, "BR");
  check(filled.size() <= text.size(), "a code is shorter than its place");
}
