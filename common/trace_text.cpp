// SPDX-License-Identifier: MIT
#include "common/trace_text.hpp"

#include <cinttypes>
#include <cstdio>

namespace flagship::detail {
namespace {

constexpr std::size_t kMostBytes = 8 * 1024;
constexpr std::size_t kMostBytesOfName = 200;

/// What lies between the runner of calls and the task's function.
bool is_between(const std::string& function) {
  for (const char* part : {"flagship::detail::", "flagship::worker::", "std::__invoke",
                           "std::__apply_impl<", "std::apply<"})
    if (function.find(part) != std::string::npos) return true;
  return false;
}

/// Takes what is Flagship's from the end. When the compiler has put the task's function into
/// Flagship's, its name takes that place.
void end_with_task(std::vector<Symbol>& places, std::string_view task) {
  Symbol wrapper;
  for (; !places.empty() && is_between(places.back().function); places.pop_back())
    wrapper = places.back();
  if (wrapper.function.empty()) return;
  const std::size_t scope = task.rfind("::");
  const std::string_view own_name = scope == std::string_view::npos ? task : task.substr(scope + 2);
  if (!places.empty() && places.back().function.find(own_name) != std::string::npos) return;
  wrapper.function = task;
  // g++ has another spelling for it in __PRETTY_FUNCTION__, from which the task's name is.
  constexpr std::string_view kAnonymous = "{anonymous}";
  if (const std::size_t at = wrapper.function.find(kAnonymous); at != std::string::npos)
    wrapper.function.replace(at, kAnonymous.size(), "(anonymous namespace)");
  places.push_back(std::move(wrapper));
}

std::string line_of(const Symbol& place) {
  char offset[20];
  std::snprintf(offset, sizeof offset, "0x%" PRIx64, place.offset);
  const std::string where = place.module.empty() ? offset : place.module + "+" + offset;
  if (place.function.empty()) return where;
  if (place.function.size() <= kMostBytesOfName) return place.function + " (" + where + ")";
  return place.function.substr(0, kMostBytesOfName) + "... (" + where + ")";
}

}  // namespace

std::string trace_text(std::vector<Symbol> places, std::string_view task) {
  end_with_task(places, task);
  std::string text;
  for (const Symbol& place : places) {
    const std::string line = line_of(place);
    if (text.size() + 1 + line.size() > kMostBytes) break;
    if (!text.empty()) text += '\n';
    text += line;
  }
  return text;
}

}  // namespace flagship::detail
