// SPDX-License-Identifier: MIT
// What is true of every list, whatever its kind.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "master/fetch/list_items.hpp"
#include "master/fetch/list_text.hpp"
#include "tests/fuzz/target.hpp"

namespace flagship::fuzz {

struct Rows {
  std::size_t most;
  std::vector<fetch::Row> rows{};
  std::string trouble{};  // why it went no further

  bool enough() const { return rows.size() >= most; }
};

/// Reads it in two pieces.
inline Rows rows_of(std::string_view bytes, std::size_t interrupted, fetch::ListFormat format,
                    const std::vector<fetch::Column>& columns, std::size_t most) {
  Rows read{most};
  const fetch::ListText::Take take = [&read](std::deque<fetch::Row>& rows) {
    for (fetch::Row& row : rows) read.rows.push_back(std::move(row));
    rows.clear();
    return !read.enough();
  };
  fetch::ListText text(format, columns);
  try {
    text.add(bytes.substr(0, interrupted), take);
    if (!read.enough()) text.add(bytes.substr(interrupted), take);
    if (!read.enough()) text.finish(take);
  } catch (const std::runtime_error& error) {
    read.trouble = error.what();
  }
  return read;
}

/// The first two bytes say where the reading of it is interrupted. `most`: rows, which then are
/// enough: a packed list may become anything.
inline void read_list(std::string_view bytes, const fetch::List& list, std::size_t most = 4096) {
  const std::size_t wish = take<std::uint16_t>(bytes);
  const std::size_t at = std::min(wish, bytes.size());
  const fetch::ListItems items(list);
  const fetch::ListFormat format = fetch::format_of(list.path);
  Rows rows = rows_of(bytes, at, format, items.columns(), most);
  Rows whole = rows_of(bytes, 0, format, items.columns(), most);
  if (rows.enough() && whole.enough()) {
    rows.rows.resize(most);
    whole.rows.resize(most);
  } else {
    check(rows.trouble == whole.trouble, "trouble is the same however it is read");
  }
  check(rows.rows.size() == whole.rows.size(), "rows are the same however they are read");
  std::size_t line = 0;
  for (std::size_t i = 0; i < rows.rows.size(); ++i) {
    fetch::Row& row = rows.rows[i];
    check(row.values == whole.rows[i].values, "a row is the same however it is read");
    check(row.number > line, "lines are counted");
    line = row.number;
    check(!row.fatal || i == 0, "what is of no use shows at once");
    if (row.fatal) return;
    const fetch::Item item = items.item_of(std::move(row));
    check(!item.key.empty(), "an item has a key");
    if (!item.trouble.empty()) continue;
    check(item.url.find_first_of(" \t\n") == std::string::npos, "a URL holds no blank");
    check(item.expected_sha256.empty() || item.expected_sha256.size() == 32,
          "a checksum has 32 bytes");
  }
}

}  // namespace flagship::fuzz
