// SPDX-License-Identifier: MIT
// A record read back by the run that goes on with it, or that follows it. One thread.
#pragma once

#include <cstdint>
#include <deque>
#include <filesystem>
#include <optional>
#include <string>

#include "master/fetch/item.hpp"
#include "master/fetch/store/sqlite.hpp"

namespace flagship::fetch {

/// What is on record of an item.
struct RecordedItem {
  std::uint64_t place = 0;
  std::string key, url;
  std::string path;     // its name in the folder; empty: none was given
  std::string outcome;  // empty: it began and did not end
  std::string error_class;
  bool unfinished = false;  // it ended because the run did
  std::uint64_t bytes = 0;
};

/// The items of a record in the order of their list, a page at a time.
class RecordedItems {
 public:
  explicit RecordedItems(const std::filesystem::path& folder);

  /// What is on record at this place; places are asked for in order.
  std::optional<RecordedItem> at(std::uint64_t place);

 private:
  void read_page(std::uint64_t from);

  Database database_;
  Statement page_;
  std::deque<RecordedItem> items_;
  bool more_ = true;
};

/// What servers said of the files that earlier runs left in the folder.
class KnownFiles {
 public:
  explicit KnownFiles(const std::filesystem::path& folder);

  /// Gives the item what makes its request conditional, if the file at its path came from its URL
  /// and is the same as it was: in size and in the time of its last change.
  void add_conditions(Item& item);

 private:
  Database database_;
  Statement file_;
  const bool any_;
};

}  // namespace flagship::fetch
