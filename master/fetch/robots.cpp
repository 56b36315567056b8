// SPDX-License-Identifier: MIT
#include "master/fetch/robots.hpp"

#include <string.h>

#include <algorithm>
#include <utility>

#include "master/fetch/pattern.hpp"
#include "worker/fetch/text.hpp"

namespace flagship::fetch {
namespace {

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

// RFC 9309, 2.2.2: "%7E" and "~" are the same, and so are an octet beyond ASCII and its encoding.
std::string normalised(std::string_view path) {
  std::string out;
  out.reserve(path.size());
  for (std::size_t i = 0; i < path.size(); ++i) {
    const char c = path[i];
    const int high = c == '%' && i + 2 < path.size() ? hex_value(path[i + 1]) : -1;
    const int low = high >= 0 ? hex_value(path[i + 2]) : -1;
    const char octet = low >= 0 ? static_cast<char>(16 * high + low) : c;
    const bool visible = c > ' ' && c <= '~';
    if (low < 0 && visible)
      out += c;
    else
      out += percent_encoded({&octet, 1});
    if (low >= 0) i += 2;
  }
  return out;
}

std::string path_of(std::string_view url) {
  const auto slashes = url.find("//");
  const auto begin = slashes == url.npos ? url.npos : url.find_first_of("/?#", slashes + 2);
  const std::string_view path =
      begin == url.npos ? std::string_view() : url.substr(begin, url.find('#', begin) - begin);
  if (path.starts_with('/')) return normalised(path);
  std::string whole(1, '/');
  return whole += normalised(path);
}

bool is_name_char(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-' || c == '_';
}

std::string_view name_in(std::string_view text) {
  const auto end = std::find_if_not(text.begin(), text.end(), is_name_char);
  return text.substr(0, static_cast<std::size_t>(end - text.begin()));
}

struct Line {
  std::string_view name, value;
};

// "Disallow: /x  # why"; any of the usual line ends.
Line next_line(std::string_view& rest) {
  const auto end = std::min(rest.find_first_of("\r\n"), rest.size());
  std::string_view line = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  line = line.substr(0, line.find('#'));
  const auto colon = line.find(':');
  if (colon == line.npos) return {};
  return {trimmed(line.substr(0, colon)), trimmed(line.substr(colon + 1))};
}

}  // namespace

std::string robot_name(std::string_view user_agent) { return lower(name_in(trimmed(user_agent))); }

// A group is the rules behind one or more lines that name robots; groups of one name add up.
RobotsRules RobotsRules::read(std::string_view file, std::string_view agent) {
  file = file.substr(0, kMostBytes);
  if (file.starts_with("\xEF\xBB\xBF")) file.remove_prefix(3);
  RobotsRules ours, everybodys;
  bool named = false;  // there is a group for this robot, be it without rules
  bool for_us = false, for_all = false, in_rules = true;
  while (!file.empty()) {
    const Line line = next_line(file);
    if (same_word(line.name, "user-agent")) {
      if (std::exchange(in_rules, false)) for_us = for_all = false;
      for_all = for_all || line.value == "*";
      for_us = for_us || (!agent.empty() && same_word(name_in(line.value), agent));
      named = named || for_us;
      continue;
    }
    const bool allow = same_word(line.name, "allow");
    if (!allow && !same_word(line.name, "disallow")) continue;
    in_rules = true;
    if (line.value.empty() || (!for_us && !for_all)) continue;
    Rule rule{allow, line.value.ends_with('$'), normalised(line.value)};
    if (rule.anchored) rule.pattern.pop_back();
    if (for_all) everybodys.rules_.push_back(rule);
    if (for_us) ours.rules_.push_back(std::move(rule));
  }
  return named ? ours : everybodys;
}

// Each piece between two stars where it comes first: no other place could fit better.
bool RobotsRules::Rule::fits(std::string_view path) const {
  std::string_view rest = pattern;
  const auto star = std::min(rest.find('*'), rest.size());
  if (!path.starts_with(rest.substr(0, star))) return false;
  path.remove_prefix(star);
  if (star == rest.size()) return !anchored || path.empty();
  rest.remove_prefix(star + 1);
  for (auto next = rest.find('*'); next != rest.npos; next = rest.find('*')) {
    const auto* const at =
        static_cast<const char*>(memmem(path.data(), path.size(), rest.data(), next));
    if (at == nullptr) return false;
    path.remove_prefix(static_cast<std::size_t>(at - path.data()) + next);
    rest.remove_prefix(next + 1);
  }
  if (anchored) return path.ends_with(rest);
  return memmem(path.data(), path.size(), rest.data(), rest.size()) != nullptr;
}

bool RobotsRules::allows(std::string_view url) const {
  if (rules_.empty()) return true;
  const std::string path = path_of(url);
  if (path == "/robots.txt") return true;
  bool allowed = true;
  std::size_t longest = 0;
  for (const Rule& rule : rules_) {
    const std::size_t length = rule.pattern.size() + (rule.anchored ? 1 : 0);
    if (length < longest || (length == longest && allowed)) continue;
    if (!rule.fits(path)) continue;
    longest = length;
    allowed = rule.allow;
  }
  return allowed;
}

}  // namespace flagship::fetch
