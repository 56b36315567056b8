// SPDX-License-Identifier: MIT
// How a run is getting on, in a line. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "master/fetch/source.hpp"
#include "master/fetch/tally.hpp"

namespace flagship::fetch {

struct Progress {
  const Tally& tally;
  std::optional<Expected> expected;
  Pace::Rate rate;
  bool flags = true;  // or files
};

/// "120/4000 files, 35/s, 1.2 MiB/s, p50 12 ms, p99 80 ms, 3 errors (2 timeout, 1 dns), 1m50s
/// left".
std::string progress_line(const Progress& progress);

/// The same behind a bar, without what matters least where it would be wider than `columns`.
std::string progress_bar(const Progress& progress, std::size_t columns);

/// "812 B", "1.2 KiB", "34 MiB".
std::string size_words(double bytes);

/// "2 timeout, 1 dns".
std::string classes_of(const Tally& tally);

}  // namespace flagship::fetch
