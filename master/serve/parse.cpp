// SPDX-License-Identifier: MIT
#include <charconv>
#include <stdexcept>
#include <string_view>

#include "common/units.hpp"
#include "master/serve/server.hpp"

namespace flagship::serve {
namespace {

using std::chrono::milliseconds;

std::invalid_argument unusable(std::string_view what, const std::string& text,
                               std::string_view why) {
  return std::invalid_argument(std::string(what) + " \"" + text + "\" " + std::string(why));
}

milliseconds parse_part(std::string_view part, const std::string& whole) {
  const auto time = flagship::parse_duration(part);
  if (!time) throw unusable("The delay", whole, "is not like 0.5..5, 1, 500ms..2s or 1m.");
  return *time;
}

int parse_status(std::string_view code, const std::string& whole) {
  int status = 0;
  const char* end = code.data() + code.size();
  const auto [rest, error] = std::from_chars(code.data(), end, status);
  if (error != std::errc() || rest != end || status < 100 || status > 599) {
    throw unusable("The fault", whole, "needs statuses from 100 to 599, like status:418,503.");
  }
  return status;
}

std::vector<int> parse_statuses(std::string_view codes, const std::string& whole) {
  std::vector<int> statuses;
  for (;;) {
    const std::size_t comma = codes.find(',');
    statuses.push_back(parse_status(codes.substr(0, comma), whole));
    if (comma == std::string_view::npos) return statuses;
    codes.remove_prefix(comma + 1);
  }
}

}  // namespace

void parse_delay(const std::string& text, Options& options) {
  const std::string_view all = text;
  const std::size_t dots = all.find("..");
  const milliseconds min = parse_part(all.substr(0, dots), text);
  const milliseconds max =
      dots == std::string_view::npos ? min : parse_part(all.substr(dots + 2), text);
  if (min > max) throw unusable("The delay", text, "begins with the longer time.");
  options.delay_min = min;
  options.delay_max = max;
}

Fault parse_fault(const std::string& text) {
  constexpr std::string_view kStatus = "status:";
  if (text == "reset") return {Fault::Kind::reset, {}};
  if (text == "truncate") return {Fault::Kind::truncate, {}};
  if (text == "slow") return {Fault::Kind::slow, {}};
  if (text.starts_with(kStatus)) {
    const auto codes = std::string_view(text).substr(kStatus.size());
    return {Fault::Kind::status, parse_statuses(codes, text)};
  }
  throw unusable("The fault", text, "is not reset, truncate, slow or status:CODE,CODE...");
}

}  // namespace flagship::serve
