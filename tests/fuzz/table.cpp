// SPDX-License-Identifier: MIT
// A list that is a table, with commas or tabs, after the first byte; with columns for all there is.
#include "tests/fuzz/list_target.hpp"

FUZZ_TARGET(table) {
  const bool tabs = flagship::fuzz::take<std::uint8_t>(bytes) % 2 == 1;
  flagship::fetch::List list{tabs ? "list.tsv" : "list.csv"};
  flagship::fuzz::read_list(bytes, list);
  list.checksum = "sum";
  list.name_template = "{id}-{key}{ext}";
  flagship::fuzz::read_list(bytes, list);
  list.url_template = "http://h/{id}";
  flagship::fuzz::read_list(bytes, list);
}
