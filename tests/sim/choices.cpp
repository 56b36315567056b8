// SPDX-License-Identifier: MIT
#include "tests/sim/choices.hpp"

#include <sstream>

namespace flagship::sim {

std::string text_of(const Script& script) {
  std::ostringstream text;
  text << std::hex;
  for (std::size_t i = 0; i < script.size(); ++i) {
    if (i > 0) text << '.';
    for (std::size_t k = 0; k < script[i].size(); ++k) text << (k > 0 ? "," : "") << script[i][k];
  }
  return text.str();
}

Script script_from(const std::string& text) {
  Script script;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line, '.');) {
    std::istringstream numbers(line);
    script.emplace_back();
    for (std::string number; std::getline(numbers, number, ',');)
      script.back().push_back(static_cast<std::uint32_t>(std::stoul(number, nullptr, 16)));
  }
  return script;
}

}  // namespace flagship::sim
