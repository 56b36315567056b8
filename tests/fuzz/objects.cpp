// SPDX-License-Identifier: MIT
// A list of JSON objects, with columns for all there is.
#include "tests/fuzz/list_target.hpp"

FUZZ_TARGET(objects) {
  flagship::fetch::List list{"list.jsonl"};
  flagship::fuzz::read_list(bytes, list);
  list.checksum = "sum";
  list.url_template = "{base}/{id}";
  list.name_template = "{id}{ext}";
  flagship::fuzz::read_list(bytes, list);
}
