// SPDX-License-Identifier: MIT
#include "master/fetch/list_folder.hpp"

#include <algorithm>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace flagship::fetch {
namespace {

namespace fs = std::filesystem;

struct File {
  std::string path;
  std::uint64_t bytes = 0;
};

/// A link that leads nowhere is no list.
std::optional<File> list_of(const fs::directory_entry& entry) {
  std::error_code error;
  const bool regular = entry.is_regular_file(error);
  const std::string path = entry.path();
  if (!regular || entry.path().filename().native().starts_with('.') || !is_list(path))
    return std::nullopt;
  const auto bytes = entry.file_size(error);
  return File{path, error ? 0 : bytes};
}

std::vector<File> lists_in(const std::string& folder) {
  std::vector<File> files;
  std::error_code error;
  for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error))
    if (auto file = list_of(*at)) files.push_back(*std::move(file));
  if (error)
    throw std::runtime_error("cannot read the folder of lists '" + folder +
                             "': " + error.message());
  if (files.empty())
    throw std::runtime_error("the folder '" + folder +
                             "' holds no list: .txt, .csv, .tsv or .jsonl, each also .gz");
  std::sort(files.begin(), files.end(),
            [](const File& a, const File& b) { return a.path < b.path; });
  return files;
}

List list_at(List list, const File& file) {
  list.path = file.path;
  return list;
}

class FolderSource final : public Source {
 public:
  FolderSource(List list, std::optional<std::size_t> limit, std::function<void()> wake)
      : list_(std::move(list)),
        files_(lists_in(list_.path)),
        limit_(limit),
        wake_(std::move(wake)) {
    for (const File& file : files_) bytes_left_ += file.bytes;
  }

  Next next() override {
    for (;;) {
      if (limit_ && index_ >= *limit_) return AtEnd{};
      if (!now_ && at_ == files_.size()) return AtEnd{};
      if (!now_) {
        if (auto trouble = open(files_[at_++])) return numbered(*std::move(trouble));
      }
      Next next = now_->next();
      if (auto* item = std::get_if<Item>(&next)) return numbered(std::move(*item));
      if (std::holds_alternative<NotYet>(next)) return next;
      now_.reset();
    }
  }

  std::optional<std::size_t> size() const override {
    const auto items = expected();
    return items && items->exact ? std::optional<std::size_t>(items->items) : std::nullopt;
  }

  // The lists to come are taken to be like those before.
  std::optional<Expected> expected() const override {
    Expected expected{index_, bytes_left_ == 0};
    if (now_) {
      const auto here = now_->expected();
      if (!here) return std::nullopt;
      expected.items = before_ + here->items;
      expected.exact = expected.exact && here->exact;
    }
    if (bytes_left_ > 0 && bytes_begun_ == 0) return std::nullopt;
    if (bytes_left_ > 0)
      expected.items += static_cast<std::uint64_t>(static_cast<double>(expected.items) *
                                                   static_cast<double>(bytes_left_) /
                                                   static_cast<double>(bytes_begun_));
    if (limit_ && expected.items > *limit_) expected.items = *limit_;
    return expected;
  }

 private:
  /// What is wrong with it.
  std::optional<Item> open(const File& file) {
    bytes_left_ -= file.bytes;
    bytes_begun_ += file.bytes;
    before_ = index_;
    try {
      now_ = from_list(list_at(list_, file), std::nullopt, wake_);
      return std::nullopt;
    } catch (const std::runtime_error& error) {
      Item item;
      item.key = file.path;
      item.trouble = error.what();
      return item;
    }
  }

  Item numbered(Item&& item) {
    item.index = index_++;
    return std::move(item);
  }

  const List list_;
  const std::vector<File> files_;
  const std::optional<std::size_t> limit_;
  const std::function<void()> wake_;
  std::size_t at_ = 0;             // the next to be opened
  std::unique_ptr<Source> now_;    // the one that is read
  std::uint64_t index_ = 0;        // of the next item
  std::uint64_t before_ = 0;       // items of the lists before it
  std::uint64_t bytes_begun_ = 0;  // of the files that were opened
  std::uint64_t bytes_left_ = 0;
};

}  // namespace

std::unique_ptr<Source> from_folder(const List& list, std::optional<std::size_t> limit,
                                    std::function<void()> wake) {
  return std::make_unique<FolderSource>(list, limit, std::move(wake));
}

std::size_t count_in_folder(const List& list, std::size_t most) {
  std::size_t items = 0;
  for (const File& file : lists_in(list.path))
    items +=
        count_items(list_at(list, file), std::max<std::size_t>(1, most - std::min(items, most)));
  return std::min(items, most);
}

}  // namespace flagship::fetch
