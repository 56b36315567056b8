// SPDX-License-Identifier: MIT
// What a run says of itself: lines for people and programs.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "master/fetch/run.hpp"
#include "master/fetch/tally.hpp"

namespace flagship::fetch {

/// "bad_checksum"; empty for no error.
std::string_view class_name(v1::FetchClass error_class);
bool is_class_name(std::string_view name);
std::string_view outcome_name(v1::FetchOutcome outcome);

/// Bytes as lower-case hexadecimal digits.
std::string hex(std::string_view bytes);

/// One line of JSON without the newline.
std::string json_line(const ItemReport& report);
/// "BR OK", "BR not found: URL", "BR error: ...".
std::string text_line(const ItemReport& report);

/// "http://host:80: too much at once, now 15".
std::string news_line(const PlanNews& news);

/// "12s", "3m05s", "2h10m".
std::string clock_time(double seconds);
/// "1 flag", "20 flags"; "files" when the run is a list.
std::string count_of(std::uint64_t n, bool flags);
/// "Searching for 20 flags: from BD to VN".
std::string searching_line(const Codes& codes);
/// The lines with the counts.
std::string summary(const Totals& totals, bool flags, std::chrono::duration<double> elapsed);
/// What may be below them: bytes, rates, percentiles and errors by class.
std::string details(const Tally& tally, std::chrono::duration<double> elapsed);
/// All of it as an object of JSON.
std::string summary_json(const Tally& tally, std::chrono::duration<double> elapsed, bool complete);

}  // namespace flagship::fetch
