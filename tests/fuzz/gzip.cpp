// SPDX-License-Identifier: MIT
// A list that gzip packed. What its rows are worth is tried unpacked.
#include "tests/fuzz/list_target.hpp"

FUZZ_TARGET(gzip) { flagship::fuzz::read_list(bytes, {"list.txt.gz"}, 128); }
