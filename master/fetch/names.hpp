// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>

namespace flagship::fetch {

/// A file name that stays in its folder, whatever `text` was: no separators, no control characters,
/// no leading dot, no more than 200 bytes (its extension survives a cut), never empty.
std::string safe_name(std::string_view text);

/// ".gif" of "http://host/flags/br/br.gif?x=1"; empty when the last segment has none that looks
/// like one.
std::string extension_of(std::string_view url);
/// "br" of the same: the last path segment without its extension; empty when there is none.
std::string stem_of(std::string_view url);

/// Names of one run's files, from a template such as "{key}{ext}". Two items never share one: the
/// later gets -2, -3 ...
class Names {
 public:
  explicit Names(std::string pattern) : pattern_(std::move(pattern)) {}
  std::string name_for(std::string_view key, std::string_view url);
  /// The same for a name that is known already; `extension` stays at its end.
  std::string take(std::string_view wish, const std::string& extension);

 private:
  const std::string pattern_;
  std::unordered_map<std::string, unsigned> taken_;  // and how often it was asked for
};

}  // namespace flagship::fetch
