// SPDX-License-Identifier: MIT
#include "master/fetch/country_codes.hpp"

#include <algorithm>
#include <cctype>
#include <sstream>
#include <stdexcept>

namespace flagship::fetch {
namespace {

// The 20 most populous countries, as the classic comparison of executors has them.
constexpr const char* kPop20 = "CN IN US ID BR PK NG BD RU JP MX PH VN ET EG DE IR TR CD FR";

// Every country (and territory with a code of its own) that Debian's famfamfam-flag-gif has a flag
// of.
constexpr const char* kAll =
    "AD AE AF AG AI AL AM AN AO AR AS AT AU AW AX AZ BA BB "
    "BD BE BF BG BH BI BJ BM BN BO BR BS BT BV BW BY BZ CA "
    "CC CD CF CG CH CI CK CL CM CN CO CR CS CU CV CX CY CZ "
    "DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO "
    "FR GA GB GD GE GF GH GI GL GM GN GP GQ GR GS GT GU GW "
    "GY HK HM HN HR HT HU ID IE IL IN IO IQ IR IS IT JM JO "
    "JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR "
    "LS LT LU LV LY MA MC MD ME MG MH MK ML MM MN MO MP MQ "
    "MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP "
    "NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY "
    "QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM "
    "SN SO SR ST SV SY SZ TC TD TF TG TH TJ TK TL TM TN TO "
    "TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU "
    "WF WS YE YT ZA ZM ZW";

Codes words(const char* text) {
  std::istringstream in(text);
  Codes codes;
  for (std::string code; in >> code;) codes.insert(code);
  return codes;
}

bool is_letter(char c) { return c >= 'A' && c <= 'Z'; }

void add_argument(const std::string& argument, Codes& codes) {
  std::string code = argument;
  std::transform(code.begin(), code.end(), code.begin(),
                 [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  if (code.size() == 2 && is_letter(code[0]) && is_letter(code[1])) {
    codes.insert(code);
  } else if (code.size() == 1 && is_letter(code[0])) {
    for (char second = 'A'; second <= 'Z'; ++second) codes.insert(code + second);
  } else {
    throw std::invalid_argument(
        "CC: each country code is two letters, or one for all codes that begin with it; '" +
        argument + "' is neither");
  }
}

}  // namespace

Codes pop20() { return words(kPop20); }
Codes all_countries() { return words(kAll); }

Codes every_code() {
  Codes codes;
  for (char first = 'A'; first <= 'Z'; ++first)
    for (char second = 'A'; second <= 'Z'; ++second) codes.insert({first, second});
  return codes;
}

Codes codes_of(const std::vector<std::string>& arguments) {
  Codes codes;
  for (const std::string& argument : arguments) add_argument(argument, codes);
  return codes;
}

}  // namespace flagship::fetch
