// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>

#include "common/os/unique_fd.hpp"

namespace flagship::fetch {

/// A file to whose end whole records are appended, several at a time, so that more than one program
/// may. What was not written by `flush` is written at the end.
class AppendedFile {
 public:
  /// `what`: the file, in a sentence: "log". Throws std::runtime_error with one.
  AppendedFile(std::string what, std::string path);
  ~AppendedFile() { flush(); }
  AppendedFile(const AppendedFile&) = delete;
  AppendedFile& operator=(const AppendedFile&) = delete;

  void add(std::string_view record);
  void flush();
  /// Why it was not written to its end, in a sentence; empty: it was. Nothing is added any more.
  const std::string& trouble() const { return trouble_; }

 private:
  const std::string what_, path_;
  const UniqueFd file_;
  std::string records_;
  std::string trouble_;
};

}  // namespace flagship::fetch
