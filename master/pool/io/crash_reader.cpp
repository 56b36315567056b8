// SPDX-License-Identifier: MIT
#include "master/pool/io/crash_reader.hpp"

#include <algorithm>
#include <cstring>
#include <string_view>
#include <utility>

#include "common/trace_text.hpp"

namespace flagship::pool {
namespace {

constexpr std::size_t kMostKnown = 4096;

template <std::size_t N>
std::string_view text_in(const char (&text)[N]) {
  return {text, strnlen(text, N)};
}

detail::FilePlace place_of(const CrashNote& note, std::size_t i, const std::string& program) {
  const CrashNote::Frame frame = note.frame[i];
  detail::FilePlace place{{}, frame.offset};
  if (frame.module >= CrashNote::kMostModules) return place;
  place.file = text_in(note.path[frame.module]);
  if (place.file.empty()) place.file = program;
  return place;
}

}  // namespace

std::string CrashReader::backtrace(const CrashNote& note, int signal, const std::string& program) {
  if (signal == 0 || note.signal != signal) return {};
  const std::size_t count = std::min<std::size_t>(note.frames, CrashNote::kMostFrames);
  std::vector<detail::FilePlace> places;
  for (std::size_t i = 0; i < count; ++i) places.push_back(place_of(note, i, program));
  return detail::trace_text(symbols_of(places), text_in(note.task));
}

std::vector<detail::Symbol> CrashReader::symbols_of(const std::vector<detail::FilePlace>& places) {
  if (known_.size() > kMostKnown) known_.clear();
  std::vector<detail::FilePlace> unknown;
  for (const auto& place : places)
    if (!known_.contains(place)) unknown.push_back(place);
  std::vector<detail::Symbol> found = detail::symbols_in(unknown);
  for (std::size_t i = 0; i < found.size(); ++i)
    known_.emplace(std::move(unknown[i]), std::move(found[i]));
  std::vector<detail::Symbol> symbols;
  for (const auto& place : places) symbols.push_back(known_.at(place));
  return symbols;
}

}  // namespace flagship::pool
