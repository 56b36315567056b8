// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>

#include "master/fetch/run.hpp"
#include "master/fetch/source.hpp"
#include "master/fetch/tally.hpp"

namespace flagship::fetch {

enum class ItemLines { none, text, json };

struct ConsoleOptions {
  ItemLines lines = ItemLines::none;
  bool at_once = false;  // the run is never idle: nothing is kept to be written together
  bool progress = true;  // a bar on a terminal, a line now and then elsewhere
  bool flags = true;     // or files
};

/// Shows a run on this process's stdout (results) and stderr (everything else).
class Console final : public Observer {
 public:
  /// `tally` has been told before it is.
  Console(ConsoleOptions options, const Tally& tally);
  /// Asked how many items there are, for as long as the run lasts.
  void follow(const Source& source) { source_ = &source; }

  void scheduled(const Item& item, const ResultFuture& future) override;
  void began(const Item& item, const ResultFuture& future) override;
  void completed(const Item& item, const ResultFuture& future) override;
  void ended(const ItemReport& report, const Totals& totals) override;
  void heard(const PlanNews& news) override;
  std::optional<std::chrono::steady_clock::time_point> idle(const Totals& totals) override;

  /// Takes the bar away and writes out what is left.
  void finish();
  /// Called once, in any thread, when nobody reads stdout any more.
  void on_stdout_closed(std::function<void()> tell) { tell_closed_ = std::move(tell); }

  /// Why results could not be written; empty: they were, or their reader had enough.
  const std::string& trouble() const { return trouble_; }

 private:
  using Clock = std::chrono::steady_clock;
  void write_out(const std::string& line);
  void write_error(const std::string& line);
  void flush();
  void write_buffer();
  void show_progress();
  void clear_bar();

  const ConsoleOptions options_;
  const Tally& tally_;
  const Source* source_ = nullptr;
  const bool terminal_;
  const Clock::time_point begin_ = Clock::now();
  Clock::time_point next_progress_;
  Pace pace_{begin_};
  bool bar_shown_ = false;
  std::mutex mutex_;  // guards stdout: `began` comes from other threads
  std::string out_;
  bool stdout_closed_ = false;
  std::string trouble_;
  std::function<void()> tell_closed_;
};

}  // namespace flagship::fetch
