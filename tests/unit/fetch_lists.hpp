// SPDX-License-Identifier: MIT
// A list in a folder of the test's own, and what is read from it.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "master/fetch/source.hpp"
#include "tests/support/patience.hpp"

namespace flagship::fetch {

class ListTest : public testing::Test {
 protected:
  ~ListTest() override { std::filesystem::remove_all(folder_); }

  std::string file(const std::string& bytes, const std::string& name = "list.txt") const {
    const std::filesystem::path path = folder_ / name;
    std::ofstream(path, std::ios::binary) << bytes;
    return path;
  }

  std::unique_ptr<Source> open(const List& list, std::optional<std::size_t> limit = {}) {
    return from_list(list, limit, [this] {
      const std::lock_guard lock(mutex_);
      woken_ = true;
      condition_.notify_one();
    });
  }

  /// The next item, waited for; nothing: the end, or not within kPatience.
  std::optional<Item> next(Source& source) {
    for (;;) {
      Next next = source.next();
      if (auto* item = std::get_if<Item>(&next)) return std::move(*item);
      if (std::holds_alternative<AtEnd>(next)) return std::nullopt;
      std::unique_lock lock(mutex_);
      if (!condition_.wait_for(lock, test::kPatience, [this] { return woken_; }))
        return std::nullopt;
      woken_ = false;
    }
  }

  std::vector<Item> all(const List& list, std::optional<std::size_t> limit = {}) {
    const auto source = open(list, limit);
    std::vector<Item> items;
    while (auto item = next(*source)) items.push_back(std::move(*item));
    return items;
  }

  static std::filesystem::path make_folder() {
    std::string name = "/tmp/fj-XXXXXX";
    if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp");
    return name;
  }

  const std::filesystem::path folder_ = make_folder();

 private:
  std::mutex mutex_;
  std::condition_variable condition_;
  bool woken_ = false;
};

}  // namespace flagship::fetch
