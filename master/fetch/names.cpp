// SPDX-License-Identifier: MIT
#include "master/fetch/names.hpp"

#include <algorithm>
#include <cctype>
#include <utility>

namespace flagship::fetch {
namespace {

constexpr std::size_t kLongest = 200;
constexpr std::size_t kLongestExtension = 10;

std::string_view last_segment(std::string_view url) {
  url = url.substr(0, std::min(url.find('?'), url.find('#')));
  if (const auto scheme = url.find("://"); scheme != std::string_view::npos) {
    url.remove_prefix(scheme + 3);
    const auto slash = url.find('/');
    if (slash == std::string_view::npos) return {};
    url.remove_prefix(slash);
  }
  return url.substr(url.rfind('/') + 1);
}

std::size_t dot_of(std::string_view segment) {
  const auto dot = segment.rfind('.');
  if (dot == std::string_view::npos || dot == 0) return std::string_view::npos;
  const std::string_view letters = segment.substr(dot + 1);
  const bool plausible =
      !letters.empty() && letters.size() <= kLongestExtension &&
      std::all_of(letters.begin(), letters.end(), [](unsigned char c) { return std::isalnum(c); });
  return plausible ? dot : std::string_view::npos;
}

bool is_continuation(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

// Cut between characters of UTF-8, never within one; where there are none, anywhere.
void shorten(std::string& name, std::size_t most) {
  std::size_t cut = most;
  while (most - cut < 4 && is_continuation(name[cut])) --cut;
  name.resize(most - cut < 4 ? cut : most);
}

std::string replaced(std::string text, std::string_view what, std::string_view with) {
  for (std::size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += with.size())
    text.replace(at, what.size(), with);
  return text;
}

}  // namespace

std::string safe_name(std::string_view text) {
  std::string name;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte == 0xC2 && i + 1 < text.size() &&
        (static_cast<unsigned char>(text[i + 1]) & 0xE0) == 0x80) {
      name += '_';  // U+0080..U+009F are control characters too
      ++i;
      continue;
    }
    const bool bad = byte < 0x20 || byte == 0x7F || byte == '/' || byte == '\\';
    name += bad ? '_' : text[i];
  }
  if (!name.empty() && name.front() == '.') name.front() = '_';
  const std::size_t dot = dot_of(name);
  const std::string extension = dot == std::string::npos ? "" : name.substr(dot);
  if (name.size() > kLongest) {
    shorten(name, kLongest - extension.size());
    name += extension;
  }
  return name.empty() ? "unnamed" : name;
}

std::string extension_of(std::string_view url) {
  const std::string_view segment = last_segment(url);
  const std::size_t dot = dot_of(segment);
  return dot == std::string_view::npos ? std::string() : std::string(segment.substr(dot));
}

std::string stem_of(std::string_view url) {
  const std::string_view segment = last_segment(url);
  return std::string(segment.substr(0, dot_of(segment)));
}

bool TextSet::insert(std::string_view text) {
  std::uint64_t mark = 0xcbf29ce484222325;  // FNV-1a: the same in every build
  for (const char c : text) mark = (mark ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  if (!put(mark == 0 ? 1 : mark)) return false;
  if (++used_ * 4 > slots_.size() * 3) grow();
  return true;
}

bool TextSet::put(std::uint64_t mark) {
  const std::size_t mask = slots_.size() - 1;
  // The low bits alone are too alike for names that count up.
  std::size_t at = (mark * 0x9e3779b97f4a7c15 >> 20) & mask;
  for (; slots_[at] != 0; at = (at + 1) & mask)
    if (slots_[at] == mark) return false;
  slots_[at] = mark;
  return true;
}

void TextSet::grow() {
  const std::vector<std::uint64_t> before =
      std::exchange(slots_, std::vector<std::uint64_t>(slots_.size() * 2));
  for (const std::uint64_t mark : before)
    if (mark != 0) put(mark);
}

std::string Names::name_for(std::string_view key, std::string_view url) {
  const std::string extension = extension_of(url);
  return take(replaced(replaced(pattern_, "{ext}", extension), "{key}", key), extension);
}

std::string Names::take(std::string_view wish, const std::string& extension) {
  const std::string name = safe_name(wish);
  if (free(name)) return name;
  const bool ends = !extension.empty() && name.ends_with(extension);
  const std::string stem = name.substr(0, name.size() - (ends ? extension.size() : 0));
  unsigned& number = numbers_.try_emplace(name, 1).first->second;
  for (;;) {
    const std::string end = "-" + std::to_string(++number) + (ends ? extension : "");
    std::string next = stem;
    if (next.size() + end.size() > kLongest) shorten(next, kLongest - end.size());
    next += end;
    if (free(next)) return next;
  }
}

}  // namespace flagship::fetch
