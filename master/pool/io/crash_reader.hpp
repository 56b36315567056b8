// SPDX-License-Identifier: MIT
#pragma once

#include <map>
#include <string>
#include <vector>

#include "common/crash_note.hpp"
#include "common/symbols.hpp"

namespace flagship::pool {

/// Makes text of the crash notes of dead workers. Remembers places: what crashed tends to crash
/// again, and files are slow to read.
class CrashReader {
 public:
  /// `signal`: what the worker ended of; `program`: where its executable can be read. Empty when
  /// nothing was noted, or not of this end.
  std::string backtrace(const CrashNote& note, int signal, const std::string& program);

 private:
  std::vector<detail::Symbol> symbols_of(const std::vector<detail::FilePlace>& places);

  std::map<detail::FilePlace, detail::Symbol> known_;
};

}  // namespace flagship::pool
