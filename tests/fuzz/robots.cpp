// SPDX-License-Identifier: MIT
// A URL's path in the first line, and a robots.txt.
#include "master/fetch/robots.hpp"

#include <algorithm>
#include <string>

#include "tests/fuzz/target.hpp"

namespace {

std::string of_alphabet(std::string_view bytes, std::string_view alphabet) {
  std::string text;
  for (const char byte : bytes.substr(0, 40))
    text += alphabet[static_cast<unsigned char>(byte) % alphabet.size()];
  return text;
}

// The same question, asked in the slow and plain way.
bool fits(std::string_view pattern, std::string_view path) {
  if (pattern.empty()) return true;
  if (pattern == "$") return path.empty();
  if (pattern.front() != '*')
    return !path.empty() && path.front() == pattern.front() &&
           fits(pattern.substr(1), path.substr(1));
  for (std::size_t taken = 0; taken <= path.size(); ++taken)
    if (fits(pattern.substr(1), path.substr(taken))) return true;
  return false;
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
  // Few stars: the slow way takes its time.
  std::string pattern = "/" + of_alphabet(file.substr(0, 12), "ab/ab/*");
  if (file.size() % 2 == 1) pattern += '$';
  const auto one = RobotsRules::read("User-agent: *\nDisallow: " + pattern, "flagship");
  check(one.allows("http://host" + plain_path) == !fits(pattern, plain_path), "a pattern fits");
}
