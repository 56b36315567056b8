// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace flagship::fetch {

/// A file name that stays in its folder, whatever `text` was: no separators, no control characters,
/// no leading dot, no more than 200 bytes (its extension survives a cut), never empty.
std::string safe_name(std::string_view text);

/// ".gif" of "http://host/flags/br/br.gif?x=1"; empty when the last segment has none that looks
/// like one.
std::string extension_of(std::string_view url);
/// "br" of the same: the last path segment without its extension; empty when there is none.
std::string stem_of(std::string_view url);

/// A set of texts in eight bytes each or a little more. Of two texts that differ it may once in a
/// very long while say that they are the same, and always does so of those two.
class TextSet {
 public:
  /// False: it was in there.
  bool insert(std::string_view text);

 private:
  bool put(std::uint64_t mark);
  void grow();

  std::vector<std::uint64_t> slots_ = std::vector<std::uint64_t>(64);  // 0: free
  std::size_t used_ = 0;
};

/// Names of one run's files, from a template such as "{key}{ext}". Two items never share one: the
/// later gets -2, -3 ... The same items in the same order get the same names.
class Names {
 public:
  /// `avoid`: whether a name is not to be given, for what was there before.
  explicit Names(std::string pattern, std::function<bool(const std::string&)> avoid = {})
      : pattern_(std::move(pattern)), avoid_(std::move(avoid)) {}
  std::string name_for(std::string_view key, std::string_view url);
  /// The same for a name that is known already; `extension` stays at its end.
  std::string take(std::string_view wish, const std::string& extension);
  /// For a name that an item was given in an earlier part of the run. False: it is no longer free.
  bool take_again(const std::string& name) { return taken_.insert(name); }

 private:
  bool free(const std::string& name) { return !(avoid_ && avoid_(name)) && taken_.insert(name); }

  const std::string pattern_;
  const std::function<bool(const std::string&)> avoid_;
  TextSet taken_;
  std::unordered_map<std::string, unsigned> numbers_;  // the last one, of names that met
};

}  // namespace flagship::fetch
