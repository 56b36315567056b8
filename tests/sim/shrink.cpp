// SPDX-License-Identifier: MIT
#include "tests/sim/shrink.hpp"

#include <algorithm>
#include <utility>

namespace flagship::sim {
namespace {

class Shrinker {
 public:
  Shrinker(Script script, const std::function<bool(const Script&)>& fails, std::size_t tries)
      : best_(std::move(script)), fails_(fails), left_(tries) {}

  Script run() {
    for (bool again = true; again && left_ > 0;) {
      again = drop_lines();
      again = shorten_lines() || again;
      again = lower_numbers() || again;
    }
    return std::move(best_);
  }

 private:
  bool try_instead(Script candidate) {
    if (left_ == 0) return false;
    --left_;
    if (!fails_(candidate)) return false;
    best_ = std::move(candidate);
    return true;
  }

  // Half of them at once, then a quarter, down to single ones; the last first, since what comes
  // later depends on what came before.
  bool drop_lines() {
    bool better = false;
    for (std::size_t size = std::max<std::size_t>(best_.size() / 2, 1); size > 0; size /= 2) {
      for (std::size_t end = best_.size(); end >= size && left_ > 0; end -= std::min(end, size)) {
        Script candidate = best_;
        const auto last = candidate.begin() + static_cast<std::ptrdiff_t>(end);
        candidate.erase(last - static_cast<std::ptrdiff_t>(size), last);
        if (try_instead(std::move(candidate))) better = true;
        if (end == size) break;
      }
    }
    return better;
  }

  bool shorten_lines() {
    bool better = false;
    for (std::size_t i = best_.size(); i-- > 0;) {
      for (std::size_t size = 0; size < best_[i].size() && left_ > 0;
           size += (best_[i].size() - size + 1) / 2) {
        Script candidate = best_;
        candidate[i].resize(size);
        if (!try_instead(std::move(candidate))) continue;
        better = true;
        break;
      }
    }
    return better;
  }

  bool lower_numbers() {
    bool better = false;
    for (std::size_t i = best_.size(); i-- > 0;)
      for (std::size_t k = 0; k < best_[i].size(); ++k)
        while (left_ > 0 && lower(i, k)) better = true;
    return better;
  }

  bool lower(std::size_t i, std::size_t k) {
    const std::uint32_t now = best_[i][k];
    for (const std::uint32_t lower : {0u, now / 2, now - 1}) {
      if (now == 0 || lower >= now) return false;
      Script candidate = best_;
      candidate[i][k] = lower;
      if (try_instead(std::move(candidate))) return true;
    }
    return false;
  }

  Script best_;
  const std::function<bool(const Script&)>& fails_;
  std::size_t left_;
};

}  // namespace

Script shrink(Script script, const std::function<bool(const Script&)>& fails, std::size_t tries) {
  return Shrinker(std::move(script), fails, tries).run();
}

}  // namespace flagship::sim
