// SPDX-License-Identifier: MIT
// The record of a run: real SQLite, in a folder of the test's own.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include <fstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "master/fetch/store/file_state.hpp"
#include "master/fetch/store/intake.hpp"
#include "master/fetch/store/overview.hpp"
#include "master/fetch/store/record.hpp"
#include "master/fetch/store/recorded.hpp"
#include "master/fetch/store/recorder.hpp"
#include "master/fetch/store/schema.hpp"
#include "tests/support/patience.hpp"
#include "tests/support/program.hpp"
#include "tests/unit/fetch_results.hpp"

namespace flagship::fetch {
namespace {

using flagship::testing::TempFolder;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

RunFacts facts(bool resume = false) {
  RunFacts facts;
  facts.arguments = "{}";
  facts.resume = resume;
  return facts;
}

Item item_of(std::uint64_t place, const std::string& url = "") {
  Item item;
  item.index = item.place = place;
  item.key = "k" + std::to_string(place);
  item.url = url.empty() ? "http://h/" + item.key + ".gif" : url;
  return item;
}

v1::FetchResult ok_with(const std::string& body) {
  v1::FetchResult result;
  result.set_outcome(v1::FETCH_OK);
  result.set_status(200);
  result.set_bytes(body.size());
  result.set_sha256(std::string(32, '\xAB'));
  result.set_etag("\"v1\"");
  return result;
}

v1::FetchResult error_of(v1::FetchClass why) {
  v1::FetchResult result;
  result.set_outcome(v1::FETCH_ERROR);
  result.set_error_class(why);
  result.set_reason("because");
  return result;
}

/// A list of so many items.
class Listed final : public Source {
 public:
  explicit Listed(std::uint64_t size) : size_(size) {}
  Next next() override { return at_ == size_ ? Next(AtEnd{}) : Next(item_of(at_++)); }
  std::optional<std::size_t> size() const override { return size_; }

 private:
  const std::uint64_t size_;
  std::uint64_t at_ = 0;
};

class StoreTest : public ::testing::Test {
 protected:
  void put(Record& record, const std::vector<ItemReport>& reports) {
    RecordBatch batch;
    for (const ItemReport& report : reports) batch.ended.push_back(&report);
    record.write(batch);
  }

  /// As if it had been downloaded.
  ItemReport saved(std::uint64_t place, const std::string& body = "body") {
    Item item = item_of(place);
    item.path = folder_ / (item.key + ".gif");
    flagship::testing::write_file(item.path, body);
    v1::FetchResult result = ok_with(body);
    result.set_modified(state_of(item.path).value().modified);
    return {std::move(item), std::move(result), 1, {}};
  }

  ItemReport failed(std::uint64_t place, v1::FetchClass why) {
    Item item = item_of(place);
    item.path = folder_ / (item.key + ".gif");
    return {std::move(item), error_of(why), 1, {}};
  }

  Intake::Told told() {
    return {[this](std::vector<BegunItem> items) {
              for (BegunItem& item : items) reserved_.push_back(std::move(item));
            },
            [](std::uint64_t) {}, [] {}};
  }

  IntakeOptions intake(bool resume) {
    IntakeOptions options;
    options.folder = folder_.path();
    options.resume = resume;
    return options;
  }

  /// The keys of what a run over a list of so many items is left to do.
  std::vector<std::string> left_of(std::uint64_t size, IntakeOptions options) {
    Listed list(size);
    Intake intake(list, std::move(options), told());
    std::vector<std::string> keys;
    for (const Item& item : all_of(intake)) keys.push_back(item.key);
    before_ = intake.before();
    return keys;
  }

  static std::vector<Item> all_of(Source& source) {
    std::vector<Item> items;
    for (;;) {
      Next next = source.next();
      if (std::holds_alternative<AtEnd>(next)) return items;
      if (auto* item = std::get_if<Item>(&next)) items.push_back(std::move(*item));
    }
  }

  std::string why_not() {
    try {
      Record record(folder_.path(), facts());
    } catch (const RecordError& error) {
      return error.what();
    }
    return "it worked";
  }

  void sql(const char* statements) { Database(record_file(folder_.path())).run(statements); }

  TempFolder folder_;
  std::vector<BegunItem> reserved_;
  Totals before_;
};

TEST_F(StoreTest, WhatIsOnRecordIsNotFetchedAgain) {
  {
    Record record(folder_.path(), facts());
    put(record, {saved(0), saved(2)});
  }
  EXPECT_THAT(left_of(4, intake(true)), ElementsAre("k1", "k3"));
  EXPECT_EQ(before_.ok, 2u);
}

TEST_F(StoreTest, FilesThatAreGoneOrCutAreFetchedAgain) {
  {
    Record record(folder_.path(), facts());
    put(record, {saved(0), saved(1), saved(2)});
  }
  std::filesystem::remove(folder_ / "k0.gif");
  std::filesystem::resize_file(folder_ / "k1.gif", 1);
  EXPECT_THAT(left_of(3, intake(true)), ElementsAre("k0", "k1"));
}

TEST_F(StoreTest, FailedItemsAreTriedAgainOnlyWhenAsked) {
  {
    Record record(folder_.path(), facts());
    put(record, {failed(0, v1::DNS), failed(1, v1::HTTP_STATUS)});
  }
  EXPECT_THAT(left_of(2, intake(true)), IsEmpty());
  EXPECT_EQ(before_.errors, 2u);
  IntakeOptions all = intake(true), some = intake(true);
  all.retry_failed.any = true;
  some.retry_failed.classes = {"dns"};
  EXPECT_THAT(left_of(2, all), ElementsAre("k0", "k1"));
  EXPECT_THAT(left_of(2, some), ElementsAre("k0"));
}

TEST_F(StoreTest, ItemsThatEndedBecauseTheRunDidGoOnByThemselves) {
  {
    Record record(folder_.path(), facts());
    ItemReport waiting = failed(1, v1::HTTP_STATUS);
    waiting.unfinished = true;
    put(record, {failed(0, v1::CANCELLED), waiting});
  }
  EXPECT_THAT(left_of(2, intake(true)), ElementsAre("k0", "k1"));
}

TEST_F(StoreTest, ItemsThatAreNotWhatIsOnRecordAreNew) {
  {
    Record record(folder_.path(), facts());
    ItemReport other = saved(1);
    other.item.url = "http://h/other.gif";
    put(record, {saved(0), other});
  }
  Listed list(3);
  Intake intake_of_list(list, intake(true), told());
  EXPECT_THAT(all_of(intake_of_list), SizeIs(2));
  EXPECT_EQ(intake_of_list.changed(), 1u);
}

TEST_F(StoreTest, NamesComeOutTheSameWhenARunGoesOn) {
  class Twins final : public Source {
   public:
    Next next() override {
      if (at_ == 4) return AtEnd{};
      Item item = item_of(at_++);
      item.key = "a";
      item.url = "http://h/a.gif";
      return item;
    }
    std::optional<std::size_t> size() const override { return 4; }

   private:
    std::uint64_t at_ = 0;
  } first, second;
  std::vector<Item> items;
  {
    Record record(folder_.path(), facts());
    Intake begun(first, intake(false), told());
    items = all_of(begun);
    flagship::testing::write_file(items[1].path, "body");
    put(record, {{items[1], ok_with("body"), 1, {}}});
  }
  Intake gone_on(second, intake(true), told());
  std::vector<std::string> names;
  for (const Item& item : all_of(gone_on)) names.emplace_back(name_in(item.path));
  EXPECT_THAT(names, ElementsAre("a.gif", "a-3.gif", "a-4.gif"));
}

TEST_F(StoreTest, FilesOfARunBeforeAreAskedForOnlyIfTheyChanged) {
  {
    Record record(folder_.path(), facts());
    put(record, {saved(0), saved(1), saved(2)});
    record.finish(true, 3);
  }
  flagship::testing::write_file(folder_ / "k1.gif", "other");
  std::filesystem::remove(folder_ / "k2.gif");
  Record record(folder_.path(), facts());
  Listed list(4);
  Intake intake_of_list(list, intake(false), told());
  const auto items = all_of(intake_of_list);
  ASSERT_THAT(items, SizeIs(4));
  EXPECT_EQ(items[0].etag, "\"v1\"");
  for (std::size_t i = 1; i < items.size(); ++i) EXPECT_EQ(items[i].etag, "") << i;
}

TEST_F(StoreTest, FilesThatWereThereBeforeAreHeededAsAsked) {
  Record record(folder_.path(), facts());
  flagship::testing::write_file(folder_ / "k0.gif", "precious");
  const auto first_of = [this](Existing existing) {
    IntakeOptions options = intake(false);
    options.existing = existing;
    Listed list(1);
    Intake intake_of_list(list, options, told());
    return all_of(intake_of_list).at(0);
  };
  EXPECT_EQ(first_of(Existing::replace).trouble, "");
  EXPECT_EQ(first_of(Existing::skip).trouble_class, v1::NONE);
  EXPECT_THAT(first_of(Existing::skip).trouble, HasSubstr("before the run"));
  EXPECT_EQ(first_of(Existing::fail).trouble_class, v1::DISK);
  EXPECT_THAT(first_of(Existing::fail).trouble, HasSubstr("before the run"));
  EXPECT_EQ(first_of(Existing::rename).path, folder_ / "k0-2.gif");
}

TEST_F(StoreTest, WhatARunLeftBehindWasNotThereBeforeIt) {
  {
    Record record(folder_.path(), facts());
    RecordBatch batch;
    batch.begun = {{0, "k0", "http://h/k0.gif", "k0.gif"}};
    record.write(batch);
  }
  flagship::testing::write_file(folder_ / "k0.gif", "complete, but the run was killed");
  for (const Existing existing : {Existing::skip, Existing::fail, Existing::rename}) {
    IntakeOptions options = intake(true);
    options.existing = existing;
    Listed list(1);
    Intake intake_of_list(list, options, told());
    const auto items = all_of(intake_of_list);
    ASSERT_THAT(items, SizeIs(1));
    EXPECT_EQ(items[0].trouble, "");
    EXPECT_EQ(items[0].path, folder_ / "k0.gif");
  }
}

TEST_F(StoreTest, ASecondRunInTheSameFolderIsRefused) {
  {
    Record record(folder_.path(), facts());
    put(record, {failed(0, v1::DNS)});
    EXPECT_THAT(why_not(), HasSubstr("another run is at work"));
    EXPECT_TRUE(RunLock::held(folder_.path()));
  }
  EXPECT_EQ(why_not(), "it worked");
  EXPECT_FALSE(RunLock::held(folder_.path()));
}

TEST_F(StoreTest, ForeignNewerAndDamagedRecordsAreRefusedInWords) {
  flagship::testing::write_file(record_file(folder_.path()), std::string(5000, 'x'));
  EXPECT_THAT(why_not(), HasSubstr("damaged"));
  std::filesystem::remove(record_file(folder_.path()));
  flagship::testing::write_file(record_file(folder_.path()), "");
  sql("CREATE TABLE item (a)");
  EXPECT_THAT(why_not(), HasSubstr("no record of flagship"));
  std::filesystem::remove(record_file(folder_.path()));
  {
    Record record(folder_.path(), facts());
    put(record, {failed(0, v1::DNS)});
  }
  sql("PRAGMA user_version = 99");
  EXPECT_THAT(why_not(), HasSubstr("version 99"));
}

TEST_F(StoreTest, ARecordOfNothingIsNotKept) {
  EXPECT_EQ(why_not(), "it worked");
  EXPECT_FALSE(has_record(folder_.path()));
}

TEST_F(StoreTest, OthersMayNotReadTheRecord) {
  const Record record(folder_.path(), facts());
  struct stat status {};
  ASSERT_EQ(stat(record_file(folder_.path()).c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
}

TEST_F(StoreTest, PasswordsInUrlsAreNotOnRecord) {
  Record record(folder_.path(), facts());
  ItemReport report = saved(0);
  report.item.url = "http://me:secret@h/k0.gif";
  put(record, {report});
  RecordedItems items(folder_.path());
  EXPECT_EQ(items.at(0)->url, "http://h/k0.gif");
}

TEST_F(StoreTest, AnOverviewCountsWhileTheRunWrites) {
  {
    Record record(folder_.path(), facts());
    put(record, {saved(0), failed(1, v1::DNS), failed(2, v1::DNS), failed(3, v1::TLS)});
    RecordBatch batch;
    batch.failed = {{1, 1, error_of(v1::DNS), {}}};
    record.write(batch);
    Database database = open_record_to_read(folder_.path());
    EXPECT_EQ(database.integer("SELECT count(*) FROM item"), 4);
    record.finish(false, std::nullopt);
  }
  const Overview run = overview_of(folder_.path());
  EXPECT_EQ(run.state, Overview::State::unfinished);
  EXPECT_EQ(run.totals.ok, 1u);
  EXPECT_EQ(run.totals.errors, 3u);
  EXPECT_EQ(run.errors_by_class.at("dns"), 2u);
  EXPECT_EQ(run.retries, 1u);
  EXPECT_EQ(run.totals.bytes, 4u);
}

TEST_F(StoreTest, ItemsOfALongerListAreForgotten) {
  Record record(folder_.path(), facts());
  put(record, {saved(0), saved(1)});
  record.finish(true, 1);
  RecordedItems items(folder_.path());
  EXPECT_TRUE(items.at(0));
  EXPECT_FALSE(items.at(1));
}

TEST_F(StoreTest, TextsThatAreNoTextComeBackAsTheyWere) {
  Record record(folder_.path(), facts());
  ItemReport report = saved(0);
  report.item.key = std::string("\xFF\0\xC3", 3);
  put(record, {report});
  RecordedItems items(folder_.path());
  EXPECT_EQ(items.at(0)->key, report.item.key);
}

/// Hears what was told, and what was on record by then.
class Told final : public Observer {
 public:
  explicit Told(const std::filesystem::path& folder) : reader_(open_record_to_read(folder)) {}
  void ended(const ItemReport& report, const Totals& totals) override {
    keys.push_back(report.item.key);
    last = totals;
    on_record.push_back(reader_.integer("SELECT count(*) FROM item").value_or(0));
  }
  std::vector<std::string> keys;
  std::vector<std::int64_t> on_record;
  Totals last;

 private:
  Database reader_;
};

TEST_F(StoreTest, NothingIsToldBeforeItIsOnRecord) {
  Record record(folder_.path(), facts());
  Told told(folder_.path());
  Recorder recorder(record, told);
  Totals totals;
  recorder.took_in(3000);
  for (std::uint64_t i = 0; i < 3000; ++i) {
    ++totals.errors;
    recorder.take(failed(i, v1::DNS), totals);
  }
  recorder.finish();
  ASSERT_THAT(told.keys, SizeIs(3000));
  for (std::size_t i = 0; i < told.keys.size(); ++i)
    EXPECT_GE(told.on_record[i], static_cast<std::int64_t>(i) + 1);
  EXPECT_EQ(told.last.errors, 3000u);
}

TEST_F(StoreTest, ARecordThatCannotBeWrittenStopsTheRun) {
  Record record(folder_.path(), facts());
  Told told(folder_.path());
  Recorder recorder(record, told);
  std::atomic<bool> stopped{false};
  recorder.on_news([] {}, [&stopped] { stopped = true; });
  sql("DROP TABLE item");
  recorder.take(failed(0, v1::DNS), {});
  EXPECT_TRUE(test::wait_until([&stopped] { return stopped.load(); }));
  recorder.finish();
  EXPECT_THAT(recorder.trouble(), HasSubstr("cannot use the record"));
  EXPECT_THAT(told.keys, IsEmpty());
}

}  // namespace
}  // namespace flagship::fetch
