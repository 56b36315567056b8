// SPDX-License-Identifier: MIT
#include "master/fetch/progress.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "common/units.hpp"
#include "master/fetch/report.hpp"

namespace flagship::fetch {
namespace {

constexpr std::size_t kBarWidth = 30;

std::string clock_time(double seconds) {
  const auto s = static_cast<long long>(seconds);
  return s < 60     ? fmt::format("{}s", s)
         : s < 3600 ? fmt::format("{}m{:02}s", s / 60, s % 60)
                    : fmt::format("{}h{:02}m", s / 3600, s / 60 % 60);
}

enum class Detail { count, errors, time_left, bar, bytes, classes, percentiles };

std::string count_part(const Progress& progress) {
  std::string text = std::to_string(progress.tally.totals().ended());
  if (const auto& expected = progress.expected)
    text += fmt::format("/{}{}", expected->exact ? "" : "~", expected->items);
  return text +
         fmt::format(" {}, {:.0f}/s", progress.flags ? "flags" : "files", progress.rate.items);
}

std::string errors_part(const Progress& progress, Detail most) {
  const std::uint64_t errors = progress.tally.totals().errors;
  const std::string classes =
      most >= Detail::classes ? " (" + classes_of(progress.tally) + ")" : "";
  return fmt::format(", {} error{}{}", errors, errors == 1 ? "" : "s", classes);
}

std::string percentiles_part(const TimeHistogram& times) {
  return fmt::format(", p50 {}, p99 {}", format_duration(times.percentile(0.5)),
                     format_duration(times.percentile(0.99)));
}

std::string time_left_part(const Progress& progress) {
  const std::uint64_t ended = progress.tally.totals().ended();
  const std::uint64_t left = progress.expected->items - std::min(progress.expected->items, ended);
  return ", " + clock_time(std::ceil(static_cast<double>(left) / progress.rate.items)) + " left";
}

std::string with_details(const Progress& progress, Detail most) {
  const Tally& tally = progress.tally;
  std::string text = count_part(progress);
  if (most >= Detail::bytes && progress.rate.bytes > 0)
    text += ", " + size_words(progress.rate.bytes) + "/s";
  if (most >= Detail::percentiles && tally.times().count() > 0)
    text += percentiles_part(tally.times());
  if (most >= Detail::errors && tally.totals().errors > 0) text += errors_part(progress, most);
  if (most >= Detail::time_left && progress.expected && progress.rate.items > 0)
    text += time_left_part(progress);
  return text;
}

std::string bar(const Progress& progress) {
  if (!progress.expected || progress.expected->items == 0) return {};
  const std::uint64_t part = kBarWidth * progress.tally.totals().ended() / progress.expected->items;
  const auto full = static_cast<std::size_t>(std::min<std::uint64_t>(kBarWidth, part));
  return "[" + std::string(full, '#') + std::string(kBarWidth - full, '.') + "] ";
}

}  // namespace

std::string progress_line(const Progress& progress) {
  return with_details(progress, Detail::percentiles);
}

std::string progress_bar(const Progress& progress, std::size_t columns) {
  std::string text;
  for (const Detail most : {Detail::percentiles, Detail::classes, Detail::bytes, Detail::bar,
                            Detail::time_left, Detail::errors, Detail::count}) {
    text = (most >= Detail::bar ? bar(progress) : "") + with_details(progress, most);
    if (text.size() <= columns) return text;
  }
  return text.substr(0, columns);
}

std::string size_words(double bytes) {
  if (bytes < 1024) return fmt::format("{:.0f} B", bytes);
  const char* unit = "";
  for (const char* larger : {"KiB", "MiB", "GiB", "TiB"}) {
    if (bytes < 1024) break;
    bytes /= 1024;
    unit = larger;
  }
  return bytes < 10 ? fmt::format("{:.1f} {}", bytes, unit) : fmt::format("{:.0f} {}", bytes, unit);
}

std::string classes_of(const Tally& tally) {
  std::string text;
  for (const auto& [why, count] : tally.errors())
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", count, class_name(why));
  return text;
}

}  // namespace flagship::fetch
