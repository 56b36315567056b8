// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "master/fetch/names.hpp"
#include "master/fetch/run.hpp"
#include "master/fetch/source.hpp"
#include "master/fetch/store/record.hpp"
#include "master/fetch/store/recorded.hpp"

namespace flagship::fetch {

/// What to do with a file that was there before the run.
enum class Existing { replace, skip, fail, rename };

/// Where bodies go: only files of their own can be there before, and be looked at.
enum class Bodies { in_files, in_shards, nowhere };

/// Which of the failed items are tried again.
struct RetryFailed {
  bool any = false;               // all errors
  std::set<std::string> classes;  // else these; also "not_found"

  bool wants(const RecordedItem& item) const;
};

struct IntakeOptions {
  std::filesystem::path folder;
  std::string name = "{key}{ext}";
  Existing existing = Existing::replace;
  Bodies bodies = Bodies::in_files;
  bool resume = false;
  bool by_key = false;  // what an item is called says which it is, wherever it comes from
  RetryFailed retry_failed{};
};

/// What a run takes in: the items of a list under the names of their files, without those that are
/// on record already, and heeding what was there before. Holds no more of either than a page. One
/// thread.
class Intake final : public Source {
 public:
  struct Told {
    std::function<void(std::vector<BegunItem>)> reserve;  // returns when that is on record
    std::function<void(std::uint64_t)> took_in;           // so many items
    std::function<void()> wake;                           // `next` may go on
  };
  Intake(Source& source, IntakeOptions options, Told told);

  Next next() override;
  std::optional<std::size_t> size() const override { return std::nullopt; }
  std::optional<Expected> expected() const override {
    return options_.resume ? std::nullopt : source_.expected();
  }

  /// Of the items that were left out, since they are on record.
  const Totals& before() const { return before_; }
  /// Items that are on record as something else: the list was changed.
  std::uint64_t changed() const { return changed_; }
  /// How many the list holds; nothing: it was not read to its end.
  std::optional<std::uint64_t> places() const;

 private:
  void take_page();
  bool take(Item& item);
  std::optional<RecordedItem> recorded(const Item& item);
  bool is_done(const RecordedItem& recorded) const;
  void count(const RecordedItem& recorded);
  void give_path(Item& item, const std::string& given_before);
  void heed_what_is_there(Item& item);
  bool reserves() const;
  bool in_files() const { return options_.bodies == Bodies::in_files; }
  std::string path_of(const std::string& name) const { return folder_ + name; }

  Source& source_;
  const IntakeOptions options_;
  const std::string folder_ = (options_.folder / "").string();  // with its slash
  const Told told_;
  Names names_;
  std::optional<RecordedItems> recorded_;
  std::optional<KnownFiles> known_;
  std::deque<Item> ready_;
  bool ended_ = false;
  std::uint64_t places_ = 0;
  std::uint64_t turns_ = 0;
  std::uint64_t changed_ = 0;
  Totals before_;
};

}  // namespace flagship::fetch
