// SPDX-License-Identifier: MIT
#include "master/serve/site.hpp"

#include <cstddef>

namespace flagship::serve {
namespace {

// 0 to 25 for a letter in either case, 26 for anything else.
std::size_t letter(char c) {
  const int place = (c | 0x20) - 'a';
  return place >= 0 && place < 26 ? static_cast<std::size_t>(place) : 26;
}

std::optional<std::size_t> place_of(std::string_view code) {
  const std::size_t first = letter(code[0]), second = letter(code[1]);
  if (first == 26 || second == 26) return {};
  return first * 26 + second;
}

// HTTP/1.1 wants servers to take "http://host/path" for "/path" too.
std::string_view path_of(std::string_view target) {
  constexpr std::string_view kScheme = "http://";
  if (target.starts_with(kScheme)) {
    const std::size_t slash = target.find('/', kScheme.size());
    target = slash == std::string_view::npos ? "/" : target.substr(slash);
  }
  return target.substr(0, target.find('?'));
}

// Only this one shape is looked up, in a table: there is no way out of the root.
std::optional<std::size_t> flag_in(std::string_view path) {
  if (path.size() != std::string_view("/flags/CC/CC.gif").size()) return {};
  if (!path.starts_with("/flags/") || path[9] != '/' || !path.ends_with(".gif")) return {};
  const auto folder = place_of(path.substr(7, 2));
  return folder == place_of(path.substr(10, 2)) ? folder : std::nullopt;
}

}  // namespace

Site::Site(const Flags& flags, const std::vector<int>& statuses) {
  for (const auto& [code, image] : flags) flags_[place_of(code).value()] = image_reply(image);
  for (const int code : statuses) statuses_.emplace(code, status_reply(code));
}

const Reply& Site::find(std::string_view target) const {
  const auto place = flag_in(path_of(target));
  return place && flags_[*place] ? *flags_[*place] : not_found_;
}

}  // namespace flagship::serve
