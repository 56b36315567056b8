// SPDX-License-Identifier: MIT
#pragma once

#include <set>
#include <string>
#include <vector>

namespace flagship::fetch {

/// Two upper-case letters each; sorted, each once.
using Codes = std::set<std::string>;

Codes pop20();
Codes all_countries();
/// AA to ZZ.
Codes every_code();
/// Two letters are that code, one letter its 26 codes, in any case. Anything else:
/// std::invalid_argument, a sentence.
Codes codes_of(const std::vector<std::string>& arguments);

}  // namespace flagship::fetch
