// SPDX-License-Identifier: MIT
#pragma once

#include <filesystem>
#include <vector>

namespace flagship::cli {

/// The folder of a run's files. Made, with its parents, at construction; those made are taken away
/// again at the end while they are empty. Unfinished files of processes that are gone are removed,
/// before and after.
class OutputFolder {
 public:
  /// Throws std::runtime_error with a sentence when it cannot be made or written to.
  explicit OutputFolder(std::filesystem::path path);
  ~OutputFolder();
  /// There were beginnings of files that were cut off, from a run before.
  bool holds_partials() const { return holds_partials_; }
  /// Nobody wants them any more; else they stay for the next run.
  void drop_partials() { drops_partials_ = true; }

  OutputFolder(const OutputFolder&) = delete;
  OutputFolder& operator=(const OutputFolder&) = delete;

 private:
  void make();
  void probe() const;
  void sweep();
  void remove_empty() const;

  const std::filesystem::path path_;
  bool holds_partials_ = false;
  bool drops_partials_ = false;
  std::vector<std::filesystem::path> made_;  // outermost first
};

}  // namespace flagship::cli
