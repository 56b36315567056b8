// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>

#include "master/fetch/run.hpp"

namespace flagship::fetch {

/// The run in a folder at a glance, from its record.
struct Overview {
  enum class State { running, complete, unfinished };
  State state = State::unfinished;
  std::string program, arguments, host;
  std::int64_t pid = 0;
  double began = 0;  // seconds since 1970, as all times here
  std::optional<double> resumed, ended;
  double last_news = 0;  // the last item's end, or else the begin
  double now = 0;
  std::optional<std::uint64_t> expected;  // items
  std::uint64_t in_flight = 0;            // at most
  Totals totals;
  std::uint64_t unfinished = 0;  // of the errors: those that go on by themselves
  std::map<std::string, std::uint64_t> errors_by_class;
  std::uint64_t retries = 0;
  std::uint64_t ended_since_begin = 0;  // since it last began or was gone on with
  std::uint64_t ended_lately = 0;       // in the last kLately seconds before the last news

  static constexpr double kLately = 10;
};

/// Reads the record, also while the run writes it. Throws RecordError with a sentence when there is
/// none or it cannot be read. Must not be called where this process has the record open.
Overview overview_of(const std::filesystem::path& folder);

/// The arguments that the run was begun with, as they were remembered.
std::string remembered_arguments(const std::filesystem::path& folder);

}  // namespace flagship::fetch
