// SPDX-License-Identifier: MIT
#include "master/hosts/nearest_word.hpp"

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <utility>
#include <vector>

namespace flagship::hosts {
namespace {

/// How many letters have to be put in, left out, changed, or changed round with their neighbour.
std::size_t mistakes(std::string_view typed, std::string_view meant) {
  std::vector<std::size_t> before, row(meant.size() + 1), next(meant.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= typed.size(); ++i) {
    next[0] = i;
    for (std::size_t j = 1; j <= meant.size(); ++j) {
      const bool same = typed[i - 1] == meant[j - 1];
      next[j] = std::min({row[j] + 1, next[j - 1] + 1, row[j - 1] + (same ? 0 : 1)});
      if (i > 1 && j > 1 && typed[i - 1] == meant[j - 2] && typed[i - 2] == meant[j - 1])
        next[j] = std::min(next[j], before[j - 2] + 1);
    }
    before = std::exchange(row, next);
  }
  return row[meant.size()];
}

constexpr std::size_t kLongestTypo = 40;  // longer words are no typing mistakes

}  // namespace

std::string nearest_word(std::string_view typed, std::span<const std::string_view> known) {
  if (typed.size() > kLongestTypo) return {};
  std::string nearest;
  std::size_t fewest = 0;
  for (const std::string_view word : known) {
    const std::size_t wrong = mistakes(typed, word);
    if (wrong > std::max<std::size_t>(1, word.size() / 3)) continue;
    if (!nearest.empty() && wrong >= fewest) continue;
    nearest = word;
    fewest = wrong;
  }
  return nearest;
}

}  // namespace flagship::hosts
