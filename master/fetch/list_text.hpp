// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "master/fetch/list_inflate.hpp"
#include "master/fetch/list_rows.hpp"

namespace flagship::fetch {

/// The bytes of a list as they are read, into rows: unpacked, without a byte order mark, parsed.
class ListText {
 public:
  /// Takes the rows away; false: it wants no more.
  using Take = std::function<bool(std::deque<Row>& rows)>;

  ListText(ListFormat format, std::vector<Column> columns);

  /// However much a little packed text may become, `take` is called once for each 64 KiB of it.
  /// False when it wants no more. Throws std::runtime_error, why the list goes no further.
  bool add(std::string_view bytes, const Take& take);
  bool finish(const Take& take);

 private:
  bool add_text(std::string_view text, const Take& take);
  std::string_view without_mark(std::string_view text);

  const std::unique_ptr<RowParser> parser_;
  std::optional<Inflater> inflater_;
  std::size_t mark_ = 0;  // bytes of a byte order mark that were seen
  bool marked_ = true;    // as long as there was nothing else
  std::deque<Row> rows_;
};

}  // namespace flagship::fetch
