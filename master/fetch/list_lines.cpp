// SPDX-License-Identifier: MIT
#include "master/fetch/list_lines.hpp"

#include <cctype>
#include <utility>

#include "master/fetch/names.hpp"

namespace flagship::fetch {
namespace {

constexpr std::size_t kLongestLine = 64 * 1024;  // what is longer is no URL

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(kListBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kListBlanks) - first + 1);
}

bool is_web_url(std::string_view text) {
  std::string scheme(text.substr(0, 8));
  for (char& c : scheme) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  const bool http = scheme.starts_with("http://") && text.size() > 7;
  const bool https = scheme.starts_with("https://") && text.size() > 8;
  return (http || https) && text.find_first_of(" \t") == std::string_view::npos &&
         text.size() < kLongestLine;
}

}  // namespace

void LineSplitter::add(std::string_view bytes, std::deque<Line>& lines) {
  for (;;) {
    const std::size_t end = bytes.find('\n');
    const std::string_view part = bytes.substr(0, end);
    if (partial_.size() <= kLongestLine)
      partial_ += part.substr(0, kLongestLine + 1 - partial_.size());
    if (end == std::string_view::npos) return;
    end_line(lines);
    bytes.remove_prefix(end + 1);
  }
}

void LineSplitter::finish(std::deque<Line>& lines) {
  if (!partial_.empty()) end_line(lines);
}

void LineSplitter::end_line(std::deque<Line>& lines) {
  lines.push_back({std::exchange(partial_, {}), ++number_});
}

std::optional<Item> item_of_line(const Line& line, const std::string& name) {
  std::string_view text = line.text;
  if (line.number == 1 && text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  text = trimmed(text);
  if (text.empty() || text.front() == '#') return std::nullopt;
  Item item{0, {}, std::string(text), {}, {}};
  if (!is_web_url(text)) {
    item.key = "line " + std::to_string(line.number);
    item.trouble = name + ":" + std::to_string(line.number) + " holds no http or https URL";
    return item;
  }
  item.key = stem_of(text);
  if (item.key.empty()) item.key = "index";
  return item;
}

}  // namespace flagship::fetch
