// SPDX-License-Identifier: MIT
#include "master/fetch/pattern.hpp"

#include <algorithm>

namespace flagship::fetch {
namespace {

constexpr std::string_view kUnreserved =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";

}  // namespace

// A brace that is never closed is one.
Pattern::Pattern(std::string_view text) {
  while (!text.empty()) {
    const auto open = text.find('{');
    const auto close = open == std::string_view::npos ? open : text.find('}', open);
    if (close == std::string_view::npos) {
      pieces_.push_back({std::string(text)});
      return;
    }
    if (open > 0) pieces_.push_back({std::string(text.substr(0, open))});
    const std::string name(text.substr(open + 1, close - open - 1));
    pieces_.push_back({name, true});
    if (std::find(places_.begin(), places_.end(), name) == places_.end()) places_.push_back(name);
    text.remove_prefix(close + 1);
  }
}

std::string Pattern::fill(
    const std::function<std::string(const std::string& place, bool first)>& value_of) const {
  std::string text;
  for (const Piece& piece : pieces_)
    text += piece.place ? value_of(piece.text, &piece == &pieces_.front()) : piece.text;
  return text;
}

std::string percent_encoded(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string encoded;
  for (const char c : text) {
    if (kUnreserved.find(c) != std::string_view::npos) {
      encoded += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    encoded += {'%', kDigits[byte >> 4], kDigits[byte & 15]};
  }
  return encoded;
}

}  // namespace flagship::fetch
