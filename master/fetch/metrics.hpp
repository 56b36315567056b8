// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "master/fetch/tally.hpp"

namespace flagship::fetch {

/// Replaces a file in one step: who reads it sees the old text or the new. Throws
/// std::runtime_error with a sentence.
void replace_file(const std::string& path, const std::string& text);

/// A run in Prometheus' text format; `began`: seconds of the epoch.
std::string metrics_text(const Tally& tally, double began, bool finished);

/// Keeps a file with that up to date, each second, as node-exporter's textfile collector reads it.
class MetricsFile final : public Observer {
 public:
  /// Writes it for the first time; throws when it cannot. Later that is no reason to stop.
  MetricsFile(std::string path, const Tally& tally);

  void ended(const ItemReport& report, const Totals& totals) override;
  std::optional<std::chrono::steady_clock::time_point> idle(const Totals& totals) override;
  /// Writes it for the last time.
  void finish();

 private:
  void keep_up();
  void write(bool finished) const;

  const std::string path_;
  const Tally& tally_;
  const double began_;
  std::chrono::steady_clock::time_point next_;
};

}  // namespace flagship::fetch
