// SPDX-License-Identifier: MIT
// A list of JSON objects. The first byte says whether with columns for all there is.
#include "tests/fuzz/list_target.hpp"

FUZZ_TARGET(objects) {
  flagship::fetch::List list{"list.jsonl"};
  if (flagship::fuzz::take<std::uint8_t>(bytes) % 2 == 1) {
    list.checksum = "sum";
    list.url_template = "{base}/{id}";
    list.name_template = "{id}{ext}";
  }
  flagship::fuzz::read_list(bytes, list);
}
