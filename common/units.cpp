// SPDX-License-Identifier: MIT
#include "common/units.hpp"

#include <charconv>
#include <cmath>
#include <cstdio>
#include <system_error>

namespace flagship {
namespace {

struct Number {
  double value = 0;
  std::string_view unit;
};

std::optional<Number> parse_number(std::string_view text) {
  Number number;
  const char* const end = text.data() + text.size();
  const auto [rest, error] =
      std::from_chars(text.data(), end, number.value, std::chars_format::fixed);
  if (error != std::errc() || !std::isfinite(number.value) || std::signbit(number.value))
    return std::nullopt;
  number.unit = {rest, static_cast<std::size_t>(end - rest)};
  return number;
}

}  // namespace

std::optional<std::chrono::milliseconds> parse_duration(std::string_view text) {
  const auto number = parse_number(text);
  if (!number) return std::nullopt;
  double factor = 0;
  if (number->unit == "ms")
    factor = 1;
  else if (number->unit == "s" || number->unit.empty())
    factor = 1000;
  else if (number->unit == "m")
    factor = 60'000;
  else if (number->unit == "h")
    factor = 3'600'000;
  else if (number->unit == "d")
    factor = 86'400'000;
  else
    return std::nullopt;
  const double milliseconds = number->value * factor;
  if (milliseconds > 4e9) return std::nullopt;  // more than a month is a mistake
  return std::chrono::milliseconds(std::llround(milliseconds));
}

std::string format_duration(std::chrono::nanoseconds time) {
  struct Unit {
    double nanoseconds;
    const char* name;
  };
  constexpr Unit kUnits[] = {{1e9, "s"}, {1e6, "ms"}, {1e3, "us"}, {1, "ns"}};
  const auto count = static_cast<double>(time.count());
  for (const Unit& unit : kUnits) {
    if (count < unit.nanoseconds && unit.nanoseconds > 1) continue;
    char text[32];
    std::snprintf(text, sizeof text, "%.3g %s", count / unit.nanoseconds, unit.name);
    return text;
  }
  return "0 ns";
}

std::optional<std::uint64_t> parse_size(std::string_view text) {
  const auto number = parse_number(text);
  if (!number) return std::nullopt;
  double factor = 1;
  if (number->unit == "k" || number->unit == "K")
    factor = 1024.0;
  else if (number->unit == "M")
    factor = 1024.0 * 1024;
  else if (number->unit == "G")
    factor = 1024.0 * 1024 * 1024;
  else if (!number->unit.empty())
    return std::nullopt;
  const double bytes = number->value * factor;
  if (bytes > 9e18) return std::nullopt;
  return static_cast<std::uint64_t>(std::llround(bytes));
}

}  // namespace flagship
