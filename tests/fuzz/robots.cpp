// SPDX-License-Identifier: MIT
// A URL's path in the first line, and a robots.txt.
#include "master/fetch/robots.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include "tests/fuzz/target.hpp"

namespace {

std::string of_alphabet(std::string_view bytes, std::string_view alphabet) {
  std::string text;
  for (const char byte : bytes.substr(0, 40))
    text += alphabet[static_cast<unsigned char>(byte) % alphabet.size()];
  return text;
}

// The same question, asked in another way: which beginnings of the path does each beginning of the
// pattern fit?
bool fits(std::string_view pattern, std::string_view path) {
  const bool anchored = pattern.ends_with('$');
  if (anchored) pattern.remove_suffix(1);
  std::vector<bool> fitted(path.size() + 1);
  fitted[0] = true;
  for (const char c : pattern) {
    std::vector<bool> next(path.size() + 1);
    for (std::size_t end = 0; end <= path.size(); ++end)
      next[end] = c == '*' ? fitted[end] || (end > 0 && next[end - 1])
                           : end > 0 && fitted[end - 1] && path[end - 1] == c;
    fitted = next;
  }
  return anchored ? fitted.back() : std::find(fitted.begin(), fitted.end(), true) != fitted.end();
}

}  // namespace

FUZZ_TARGET(robots) {
  using namespace flagship::fetch;
  using flagship::fuzz::check;
  const std::string_view path = bytes.substr(0, bytes.find('\n'));
  const std::string_view file = bytes.substr(std::min(bytes.size(), path.size() + 1));
  const auto rules = RobotsRules::read(file, "flagship");
  rules.allows("http://host/" + std::string(path));
  rules.allows(path);
  check(rules.allows("http://host/robots.txt"), "the file itself may be asked for");

  const std::string plain_path = "/" + of_alphabet(path, "ab/");
  std::string pattern = "/" + of_alphabet(file, "ab/ab/*");
  if (file.size() % 2 == 1) pattern += '$';
  const auto one = RobotsRules::read("User-agent: *\nDisallow: " + pattern, "flagship");
  check(one.allows("http://host" + plain_path) == !fits(pattern, plain_path), "a pattern fits");
}
