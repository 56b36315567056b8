// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "master/fetch/item.hpp"
#include "master/fetch/list.hpp"
#include "master/fetch/pattern.hpp"

namespace flagship::fetch {

/// Makes items of the rows of a list. Pure.
class ListItems {
 public:
  /// Throws std::invalid_argument with a sentence that names the option, for what no list of this
  /// kind has.
  explicit ListItems(List list);

  /// What is to be looked for in the list.
  const std::vector<Column>& columns() const { return columns_; }
  /// All but its index.
  Item item_of(Row&& row) const;

 private:
  std::size_t look_for(const std::string& name, const std::string& wanted_by);
  void look_for_places(const Pattern& pattern, const char* option, bool of_names);
  std::string url_of(const Row& row) const;
  std::string key_of(const Row& row, const std::string& url) const;
  std::string wished_name(const Row& row, const Item& item) const;
  std::string at(const Row& row, const std::string& column) const;

  const List list_;
  const ListKind kind_;
  std::vector<Column> columns_;
  std::unordered_map<std::string, std::size_t> index_;  // of a column, in columns_
  std::optional<std::size_t> url_, key_, checksum_;
  std::optional<Pattern> url_pattern_, name_pattern_;
};

/// 32 bytes of 64 hexadecimal digits; nothing: it is no SHA-256.
std::optional<std::string> sha256_of_hex(std::string_view text);

}  // namespace flagship::fetch
