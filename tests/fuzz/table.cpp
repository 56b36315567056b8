// SPDX-License-Identifier: MIT
// A list that is a table. The first byte says whether with commas or tabs, and with which columns.
#include "tests/fuzz/list_target.hpp"

FUZZ_TARGET(table) {
  const auto how = flagship::fuzz::take<std::uint8_t>(bytes);
  const bool tabs = how % 2 == 1;
  const int columns = how / 2 % 3;
  flagship::fetch::List list{tabs ? "list.tsv" : "list.csv"};
  if (columns >= 1) {
    list.checksum = "sum";
    list.name_template = "{id}-{key}{ext}";
  }
  if (columns == 2) list.url_template = "http://h/{id}";
  flagship::fuzz::read_list(bytes, list);
}
