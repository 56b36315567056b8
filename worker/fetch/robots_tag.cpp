// SPDX-License-Identifier: MIT
#include "worker/fetch/robots_tag.hpp"

#include <algorithm>

#include "worker/fetch/text.hpp"

namespace flagship::fetch {
namespace {

constexpr std::string_view kRefusing[] = {"noai", "noimageai", "noindex", "noimageindex", "none"};
// Directives with a value, whose colon is behind no robot's name.
constexpr std::string_view kValued[] = {"unavailable_after", "max-snippet", "max-image-preview",
                                        "max-video-preview"};

std::string_view cut(std::string_view& rest, char separator) {
  const auto end = std::min(rest.find(separator), rest.size());
  const std::string_view piece = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return trimmed(piece);
}

template <class Words>
std::string_view found_in(const Words& words, std::string_view word) {
  for (const std::string_view known : words)
    if (same_word(known, word)) return known;
  return {};
}

// Empty: all of them.
std::string_view addressee(std::string_view& line) {
  const auto colon = line.find(':');
  if (colon == line.npos) return {};
  const std::string_view name = trimmed(line.substr(0, colon));
  if (name.find(',') != name.npos || !found_in(kValued, name).empty()) return {};
  line.remove_prefix(colon + 1);
  return name;
}

}  // namespace

std::string_view refusing_directive(std::string_view lines, std::string_view agent) {
  while (!lines.empty()) {
    std::string_view line = cut(lines, '\n');
    const std::string_view whom = addressee(line);
    if (!whom.empty() && !same_word(whom, agent)) continue;
    while (!line.empty())
      if (const auto directive = found_in(kRefusing, cut(line, ',')); !directive.empty())
        return directive;
  }
  return {};
}

}  // namespace flagship::fetch
