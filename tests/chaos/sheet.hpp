// SPDX-License-Identifier: MIT
// What calls themselves say of how often they began and ended, in memory that all processes share.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>

namespace flagship::chaos {

class Sheet {
 public:
  struct Row {
    std::atomic<std::uint32_t> begun{0};
    std::atomic<std::uint32_t> ended{0};
  };

  /// A new one, in a file that must not be there yet, with a row for each call.
  static Sheet create(const std::string& file, std::size_t rows);
  /// One that another process has made.
  explicit Sheet(const std::string& file);
  Sheet(const Sheet&) = delete;
  Sheet& operator=(const Sheet&) = delete;
  ~Sheet();

  Row& operator[](std::size_t row) const { return rows_[row]; }

 private:
  Row* rows_ = nullptr;
  std::size_t bytes_ = 0;
};

}  // namespace flagship::chaos
