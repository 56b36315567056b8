// SPDX-License-Identifier: MIT
// A run over sources and downloads that a test makes up.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "flagship/flagship.hpp"
#include "master/fetch/run.hpp"
#include "master/fetch/source.hpp"
#include "tests/unit/fetch_results.hpp"

namespace flagship::fetch {

/// What the task "fetch" does in this program.
extern std::function<v1::FetchResult(const v1::FetchRequest&)> fake_download;

/// Yields what a function makes; nothing: the end.
class FakeSource final : public Source {
 public:
  explicit FakeSource(std::function<Next(std::uint64_t)> make) : make_(std::move(make)) {}
  Next next() override {
    ++asked;
    Next next = make_(index_);
    if (auto* item = std::get_if<Item>(&next)) item->index = index_++;
    return next;
  }
  std::optional<std::size_t> size() const override { return std::nullopt; }
  std::uint64_t asked = 0;

 private:
  std::function<Next(std::uint64_t)> make_;
  std::uint64_t index_ = 0;
};

inline Item item_of(std::uint64_t index, const std::string& host = "h") {
  const std::string key = std::to_string(index);
  return {index, key, "http://" + host + "/" + key, {}, {}};
}

inline FakeSource items(std::uint64_t count) {
  return FakeSource(
      [count](std::uint64_t i) { return i < count ? Next(item_of(i)) : Next(AtEnd{}); });
}

struct Watching final : Observer {
  void ended(const ItemReport& report, const Totals& totals) override {
    keys.push_back(report.item.key);
    attempts[report.item.key] = report.attempts;
    results[report.item.key] = report.result;
    EXPECT_EQ(totals.ended(), keys.size());
    if (on_ended) on_ended(report);
  }
  std::vector<std::string> keys;
  std::map<std::string, int> attempts;
  std::map<std::string, v1::FetchResult> results;
  std::function<void(const ItemReport&)> on_ended;
};

inline RunOptions quick() {
  RunOptions options;
  options.retry.base = std::chrono::milliseconds(1);
  return options;
}

class RunTest : public testing::Test {
 protected:
  using Run = fetch::Run;  // not the private one of testing::Test
  ~RunTest() override { fake_download = nullptr; }
  Watching seen;
};

}  // namespace flagship::fetch
