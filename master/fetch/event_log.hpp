// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "master/fetch/appended_file.hpp"
#include "master/fetch/tally.hpp"

namespace flagship::fetch {

enum class LogLevel { info, warning, error };

/// What happens in a run, as lines of JSON that are appended to a file: its beginning and end, each
/// attempt that failed and is made again, each item's end, and what becomes of origins. An item
/// that is not there is an error, one that the server does not have and an attempt are warnings.
class EventLog final : public Observer {
 public:
  /// Only what is `least` or worse. Throws std::runtime_error with a sentence.
  EventLog(std::string path, LogLevel least) : least_(least), file_("log", std::move(path)) {}

  void begin(const std::string& what, std::size_t in_flight, std::size_t workers);
  void end(const Tally& tally, bool complete, int signal);
  /// Why it was not written to its end, in a sentence; empty: it was.
  const std::string& trouble() const { return file_.trouble(); }

  void failed(const Item& item, int number, const v1::FetchResult& result,
              const Outcome& where) override;
  void ended(const ItemReport& report, const Totals& totals) override;
  void heard(const PlanNews& news) override;
  std::optional<std::chrono::steady_clock::time_point> idle(const Totals& totals) override;

 private:
  bool wants(LogLevel level) const { return level >= least_ && file_.trouble().empty(); }
  /// `fields`: an object of JSON.
  void add(LogLevel level, std::string_view event, const std::string& fields);

  const LogLevel least_;
  AppendedFile file_;
};

}  // namespace flagship::fetch
