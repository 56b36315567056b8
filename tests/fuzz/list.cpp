// SPDX-License-Identifier: MIT
// A list of URLs, a line each.
#include "tests/fuzz/list_target.hpp"

FUZZ_TARGET(list) { flagship::fuzz::read_list(bytes, {"list.txt"}); }
