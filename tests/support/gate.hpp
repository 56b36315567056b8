// SPDX-License-Identifier: MIT
// How a test and the tasks it runs in other processes tell each other that something has happened:
// by files.
#pragma once

#include <cstddef>
#include <string>

namespace flagship::test {

/// A folder of a test's own, removed with all that is in it.
class Folder {
 public:
  Folder();
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder();
  std::string path(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

/// Closed until `open`: tasks wait at it by its path.
class Gate {
 public:
  std::string path() const { return folder_.path("gate"); }
  void open() const;

 private:
  Folder folder_;
};

/// In a task: waits for the gate; with its folder the gate counts as open, so that no task outlives
/// its test.
void pass(const std::string& gate);

/// One byte more in the file, by whatever process; what it held before.
std::size_t count_up(const std::string& file);
std::size_t counted(const std::string& file);

}  // namespace flagship::test
