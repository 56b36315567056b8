// SPDX-License-Identifier: MIT
#include "worker/fetch/content_range.hpp"

#include "worker/fetch/text.hpp"

namespace flagship::fetch {

std::optional<ContentRange> parse_content_range(std::string_view field) {
  constexpr std::string_view kUnit = "bytes ";
  const std::string_view text = trimmed(field);
  if (text.size() < kUnit.size() || !same_word(text.substr(0, kUnit.size()), kUnit))
    return std::nullopt;
  const std::string_view range = trimmed(text.substr(kUnit.size()));
  const auto slash = range.find('/');
  const auto dash = range.substr(0, slash).find('-');
  if (slash == std::string_view::npos || dash == std::string_view::npos) return std::nullopt;
  const auto first = digits(range.substr(0, dash));
  const auto last = digits(range.substr(dash + 1, slash - dash - 1));
  const std::string_view size = range.substr(slash + 1);
  const auto whole = digits(size);
  if (!first || !last || *last < *first || *last - *first == UINT64_MAX) return std::nullopt;
  if (size != "*" && (!whole || *last >= *whole)) return std::nullopt;
  return ContentRange{*first, *last, whole};
}

}  // namespace flagship::fetch
