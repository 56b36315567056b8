// SPDX-License-Identifier: MIT
#include "master/fetch/metrics.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <stdexcept>
#include <utility>

#include "master/fetch/report.hpp"

namespace flagship::fetch {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::seconds kEvery{1};

double seconds_of(std::chrono::microseconds time) {
  return std::chrono::duration<double>(time).count();
}

std::string heading(const char* name, const char* type, const char* help) {
  return fmt::format("# HELP {0} {2}\n# TYPE {0} {1}\n", name, type, help);
}

}  // namespace

void replace_file(const std::string& path, const std::string& text) {
  const std::string fresh = path + "." + std::to_string(getpid()) + ".part";
  std::ofstream file(fresh, std::ios::binary | std::ios::trunc);
  file << text;
  file.close();
  if (file && std::rename(fresh.c_str(), path.c_str()) == 0) return;
  const std::string why = std::strerror(errno);
  unlink(fresh.c_str());
  throw std::runtime_error("cannot write '" + path + "': " + why);
}

std::string metrics_text(const Tally& tally, double began, bool finished) {
  const Totals& totals = tally.totals();
  std::string text = heading("flagship_items_total", "counter", "Items that ended, by outcome.");
  for (const auto& [outcome, count] : {std::pair("ok", totals.ok),
                                       {"not_found", totals.not_found},
                                       {"skipped", totals.skipped},
                                       {"error", totals.errors}})
    text += fmt::format("flagship_items_total{{outcome=\"{}\"}} {}\n", outcome, count);
  text += heading("flagship_errors_total", "counter", "Errors, by class.");
  for (const auto& [why, count] : tally.errors())
    text += fmt::format("flagship_errors_total{{class=\"{}\"}} {}\n", class_name(why), count);
  text += heading("flagship_attempts_total", "counter", "Attempts of the items that ended.");
  text += fmt::format("flagship_attempts_total {}\n", tally.attempts());
  text += heading("flagship_bytes_total", "counter", "Bytes of the bodies that were kept.");
  text += fmt::format("flagship_bytes_total {}\n", totals.bytes);
  text += heading("flagship_item_seconds", "summary", "Time of an item's last attempt.");
  for (const char* const share : {"0.5", "0.9", "0.99"})
    text += fmt::format("flagship_item_seconds{{quantile=\"{}\"}} {}\n", share,
                        seconds_of(tally.times().percentile(std::stod(share))));
  text += fmt::format("flagship_item_seconds_sum {}\nflagship_item_seconds_count {}\n",
                      seconds_of(tally.times().sum()), tally.times().count());
  text += heading("flagship_start_time_seconds", "gauge", "When the run began.");
  text += fmt::format("flagship_start_time_seconds {:.3f}\n", began);
  text += heading("flagship_finished", "gauge", "1 when the run is over.");
  text += fmt::format("flagship_finished {}\n", finished ? 1 : 0);
  return text;
}

MetricsFile::MetricsFile(std::string path, const Tally& tally)
    : path_(std::move(path)),
      tally_(tally),
      began_(std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch())
                 .count()),
      next_(Clock::now() + kEvery) {
  write(false);
}

void MetricsFile::ended(const ItemReport&, const Totals&) { keep_up(); }

std::optional<Clock::time_point> MetricsFile::idle(const Totals&) {
  keep_up();
  return next_;
}

void MetricsFile::keep_up() {
  if (Clock::now() < next_) return;
  next_ = Clock::now() + kEvery;
  try {
    write(false);
  } catch (const std::runtime_error&) {
  }
}

void MetricsFile::finish() { write(true); }

void MetricsFile::write(bool finished) const {
  replace_file(path_, metrics_text(tally_, began_, finished));
}

}  // namespace flagship::fetch
