// SPDX-License-Identifier: MIT
// What `flagship fetch` decides: codes, names, lists, retries, lines, options, and the run itself
// with a fake download.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <condition_variable>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "common/units.hpp"
#include "flagship/flagship.hpp"
#include "master/cli/fetch_options.hpp"
#include "master/cli/fetch_plan.hpp"
#include "master/fetch/country_codes.hpp"
#include "master/fetch/names.hpp"
#include "master/fetch/report.hpp"
#include "master/fetch/retry.hpp"
#include "master/fetch/run.hpp"
#include "master/fetch/source.hpp"

namespace flagship::fetch {

// What the task "fetch" does in this program.
std::function<v1::FetchResult(const v1::FetchRequest&)> fake_download;
v1::FetchResult download(const v1::FetchRequest& request) { return fake_download(request); }
FLAGSHIP_TASK("fetch", download);

namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using testing::AllOf;
using testing::ElementsAre;
using testing::Ge;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Le;
using testing::Lt;
using testing::Not;
using testing::SizeIs;
using testing::StartsWith;
using testing::UnorderedElementsAre;

// What must happen happens within it.
constexpr auto kPatience = 60s;

v1::FetchResult ok(std::uint64_t bytes = 3) {
  v1::FetchResult result;
  result.set_outcome(v1::FETCH_OK);
  result.set_status(200);
  result.set_bytes(bytes);
  return result;
}

v1::FetchResult failed(v1::FetchClass why, unsigned status = 0) {
  v1::FetchResult result;
  result.set_outcome(v1::FETCH_ERROR);
  result.set_error_class(why);
  result.set_status(status);
  return result;
}

v1::FetchResult answered(unsigned status) { return failed(v1::HTTP_STATUS, status); }

v1::FetchResult not_found() {
  v1::FetchResult result;
  result.set_outcome(v1::FETCH_NOT_FOUND);
  result.set_status(404);
  return result;
}

// ---- country codes
// ---------------------------------------------------------------------------------------------------

TEST(CountryCodes, TwoLettersAreThatCodeInAnyCase) {
  EXPECT_THAT(codes_of({"br", "CN", "uS"}), ElementsAre("BR", "CN", "US"));
}

TEST(CountryCodes, OneLetterIsIts26Codes) {
  const Codes codes = codes_of({"i"});
  EXPECT_THAT(codes, SizeIs(26));
  EXPECT_EQ(*codes.begin(), "IA");
  EXPECT_EQ(*codes.rbegin(), "IZ");
}

TEST(CountryCodes, AreSortedAndEachTakenOnce) {
  EXPECT_THAT(codes_of({"US", "BR", "us", "BR"}), ElementsAre("BR", "US"));
  EXPECT_THAT(codes_of({"IN", "I"}), SizeIs(26));
}

TEST(CountryCodes, AnythingElseIsRefusedByName) {
  for (const char* bad : {"", "USA", "U1", "1", " U", "U ", "--", "\xC3\x89", "../etc", "A\n"}) {
    try {
      codes_of({"BR", bad});
      ADD_FAILURE() << "took '" << bad << "'";
    } catch (const std::invalid_argument& error) {
      EXPECT_THAT(error.what(), AllOf(StartsWith("CC:"), HasSubstr("'" + std::string(bad) + "'")));
    }
  }
}

TEST(CountryCodes, ListsHaveTheSizesTheyAreKnownFor) {
  EXPECT_THAT(pop20(), SizeIs(20));
  EXPECT_THAT(every_code(), SizeIs(676));
  for (const std::string& code : pop20()) EXPECT_TRUE(all_countries().contains(code)) << code;
  for (const std::string& code : all_countries()) EXPECT_TRUE(every_code().contains(code)) << code;
  EXPECT_EQ(*pop20().begin(), "BD");
  EXPECT_EQ(*pop20().rbegin(), "VN");
}

// ---- names
// -----------------------------------------------------------------------------------------------------------

TEST(Names, WhatWouldLeaveTheFolderDoesNot) {
  EXPECT_EQ(safe_name(".."), "_.");
  EXPECT_EQ(safe_name("."), "_");
  EXPECT_EQ(safe_name("../../etc/passwd"), "_._.._etc_passwd");
  EXPECT_EQ(safe_name("/etc/passwd"), "_etc_passwd");
  EXPECT_EQ(safe_name("a\\b"), "a_b");
}

TEST(Names, ControlCharactersAreReplacedThoseOfUnicodeToo) {
  EXPECT_EQ(safe_name(std::string("a\0b\n\x1b[2J\x7f", 9)), "a_b__[2J_");
  EXPECT_EQ(safe_name("a\xC2\x9B"
                      "2J"),
            "a_2J");
  EXPECT_EQ(safe_name("\xC3\x9B"), "\xC3\x9B");  // U+00DB is a letter
}

TEST(Names, LeadingDotsHideNoFile) { EXPECT_EQ(safe_name(".bashrc"), "_bashrc"); }

TEST(Names, NothingIsUnnamed) { EXPECT_EQ(safe_name(""), "unnamed"); }

TEST(Names, LongOnesAreCutBetweenCharacters) {
  EXPECT_THAT(safe_name(std::string(300, 'x')), SizeIs(200));
  std::string umlauts = "x";
  for (int i = 0; i < 150; ++i) umlauts += "\xC3\xA4";
  EXPECT_THAT(safe_name(umlauts), SizeIs(199));
}

TEST(Names, LongOnesKeepTheirExtension) {
  const std::string name = safe_name(std::string(300, 'x') + ".tar.gif");
  EXPECT_THAT(name, SizeIs(200));
  EXPECT_TRUE(name.ends_with("x.gif"));
}

TEST(Names, LongOnesThatAreNoTextAreNotCutDownToTheirExtension) {
  EXPECT_EQ(safe_name(std::string(300, '\x80') + ".gif"), std::string(196, '\x80') + ".gif");
  Names names("{key}{ext}");
  const std::string url = "http://h/" + std::string(300, '\x80') + ".gif";
  EXPECT_EQ(names.name_for(stem_of(url), url), std::string(196, '\x80') + ".gif");
  EXPECT_EQ(names.name_for(stem_of(url), url), std::string(194, '\x80') + "-2.gif");
}

TEST(Names, ExtensionsAreWhatLooksLikeOne) {
  EXPECT_EQ(extension_of("http://host/flags/br/br.gif?x=1.png#y"), ".gif");
  EXPECT_EQ(extension_of("http://host/archive.tar.gz"), ".gz");
  EXPECT_EQ(extension_of("http://host/br"), "");
  EXPECT_EQ(extension_of("http://host.com"), "");
  EXPECT_EQ(extension_of("http://host.com/"), "");
  EXPECT_EQ(extension_of("http://host/.htaccess"), "");
  EXPECT_EQ(extension_of("http://host/a."), "");
  EXPECT_EQ(extension_of("http://host/v1.2 beta"), "");
  EXPECT_EQ(extension_of("http://host/a.averylongextension"), "");
}

TEST(Names, StemsAreTheLastSegmentWithoutExtension) {
  EXPECT_EQ(stem_of("http://host/flags/br/br.gif?x=1"), "br");
  EXPECT_EQ(stem_of("http://host/archive.tar.gz"), "archive.tar");
  EXPECT_EQ(stem_of("http://host/.htaccess"), ".htaccess");
  EXPECT_EQ(stem_of("http://host.com/"), "");
  EXPECT_EQ(stem_of("http://host.com"), "");
}

TEST(Names, TemplatesPutKeyAndExtensionWhereTheyAreAsked) {
  EXPECT_EQ(Names("{key}{ext}").name_for("BR", "http://h/br.gif"), "BR.gif");
  EXPECT_EQ(Names("flag-{key}").name_for("BR", "http://h/br.gif"), "flag-BR");
  EXPECT_EQ(Names("{key}/{key}{ext}").name_for("BR", "http://h/br.gif"), "BR_BR.gif");
  EXPECT_EQ(Names("").name_for("BR", "http://h/br.gif"), "unnamed");
}

TEST(Names, KeysAreNotTemplates) {
  EXPECT_EQ(Names("{key}{ext}").name_for("{ext}", "http://h/br.gif"), "{ext}.gif");
}

TEST(Names, TheLaterOfTwoGetsANumber) {
  Names names("{key}{ext}");
  EXPECT_EQ(names.name_for("a", "http://h/a.gif"), "a.gif");
  EXPECT_EQ(names.name_for("a", "http://h/x/a.gif"), "a-2.gif");
  EXPECT_EQ(names.name_for("a", "http://h/y/a.gif"), "a-3.gif");
  EXPECT_EQ(names.name_for("a", "http://h/a.png"), "a.png");
  EXPECT_EQ(names.name_for("b", "http://h/b"), "b");
  EXPECT_EQ(names.name_for("b", "http://h/b"), "b-2");
}

TEST(Names, NumbersDoNotMeetNamesThatLookLikeThem) {
  Names names("{key}{ext}");
  EXPECT_EQ(names.name_for("a-2", "http://h/a-2.gif"), "a-2.gif");
  EXPECT_EQ(names.name_for("a", "http://h/a.gif"), "a.gif");
  EXPECT_EQ(names.name_for("a", "http://h/a.gif"), "a-3.gif");
  EXPECT_EQ(names.name_for("a-2", "http://h/a-2.gif"), "a-2-2.gif");
}

TEST(Names, NumbersDoNotMakeLongNamesLonger) {
  Names names("{key}{ext}");
  const std::string url = "http://h/a.gif";
  const std::string key(300, 'x');
  EXPECT_THAT(names.name_for(key, url), SizeIs(200));
  const std::string second = names.name_for(key, url);
  EXPECT_THAT(second, SizeIs(200));
  EXPECT_TRUE(second.ends_with("x-2.gif")) << second;
}

TEST(Template, CodesGoInWhereTheyAreAskedFor) {
  EXPECT_EQ(fill_in("http://h/{cc}/{CC}/{key}.gif", "BR"), "http://h/br/BR/BR.gif");
  EXPECT_EQ(fill_in("http://h/{cC}", "BR"), "http://h/{cC}");
}

// ---- lists
// -----------------------------------------------------------------------------------------------------------

class Lists : public testing::Test {
 protected:
  ~Lists() override { fs::remove_all(folder_); }

  std::string file(const std::string& bytes) {
    const fs::path path = folder_ / "list.txt";
    std::ofstream(path, std::ios::binary) << bytes;
    return path;
  }

  std::unique_ptr<Source> open(const std::string& path, std::optional<std::size_t> limit = {}) {
    return from_list(path, limit, [this] {
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
      if (!condition_.wait_for(lock, kPatience, [this] { return woken_; })) return std::nullopt;
      woken_ = false;
    }
  }

  std::vector<Item> all(const std::string& bytes, std::optional<std::size_t> limit = {}) {
    const auto source = open(file(bytes), limit);
    std::vector<Item> items;
    while (auto item = next(*source)) items.push_back(std::move(*item));
    return items;
  }

  std::vector<std::string> urls(const std::string& bytes, std::optional<std::size_t> limit = {}) {
    std::vector<std::string> urls;
    for (const Item& item : all(bytes, limit))
      urls.push_back(item.trouble.empty() ? item.url : "bad");
    return urls;
  }

  static fs::path make_folder() {
    std::string name = "/tmp/fj-XXXXXX";
    if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp");
    return name;
  }

  const fs::path folder_ = make_folder();
  std::mutex mutex_;
  std::condition_variable condition_;
  bool woken_ = false;
};

TEST_F(Lists, HoldAUrlALineInTheirOrder) {
  EXPECT_THAT(urls("http://h/b\nhttps://h/a\n"), ElementsAre("http://h/b", "https://h/a"));
}

TEST_F(Lists, BlankLinesAndCommentsAreSkipped) {
  EXPECT_THAT(urls("# first\n\n   \n\t\nhttp://h/a\n  # indented\nhttp://h/b#not-a-comment\n"),
              ElementsAre("http://h/a", "http://h/b#not-a-comment"));
}

TEST_F(Lists, ByteOrderMarkAndCarriageReturnsAreIgnored) {
  EXPECT_THAT(urls("\xEF\xBB\xBFhttp://h/a\r\nhttp://h/b\r\n"),
              ElementsAre("http://h/a", "http://h/b"));
  EXPECT_THAT(urls("\xEF\xBB\xBF# comment\r\n\r\nhttp://h/a"), ElementsAre("http://h/a"));
}

TEST_F(Lists, TheLastLineNeedsNoNewline) { EXPECT_THAT(urls("http://h/a\nhttp://h/b"), SizeIs(2)); }

TEST_F(Lists, AnEmptyOneHasNoItems) {
  EXPECT_THAT(urls(""), IsEmpty());
  EXPECT_THAT(urls("\n# nothing\n\n"), IsEmpty());
}

TEST_F(Lists, SchemesCountInAnyCase) {
  EXPECT_THAT(urls("HTTP://h/a\nHttps://h/b\n"), Not(testing::Contains("bad")));
}

TEST_F(Lists, ALineWithoutAUrlIsAnErrorThatHasItsNumber) {
  const auto items = all("# comment\n\nhttp://h/a\nnot a url\nftp://h/x\nhttp://\nhttp://h/a b\n");
  ASSERT_THAT(items, SizeIs(5));
  EXPECT_EQ(items[0].trouble, "");
  for (std::size_t i = 1; i < items.size(); ++i) {
    const std::string number = std::to_string(i + 3);
    EXPECT_EQ(items[i].index, i);
    EXPECT_EQ(items[i].key, "line " + number);
    EXPECT_THAT(items[i].trouble, HasSubstr("list.txt:" + number + " holds no http or https URL"));
  }
}

TEST_F(Lists, KeysAreTheLastSegmentOfTheUrl) {
  const auto items = all("http://h/flags/br.gif\nhttp://h/\nhttp://h\n");
  ASSERT_THAT(items, SizeIs(3));
  EXPECT_EQ(items[0].key, "br");
  EXPECT_EQ(items[1].key, "index");
  EXPECT_EQ(items[2].key, "index");
}

TEST_F(Lists, TheLimitIsOfItems) {
  EXPECT_THAT(urls("# c\nhttp://h/a\n\nbad\nhttp://h/b\nhttp://h/c\n", 3),
              ElementsAre("http://h/a", "bad", "http://h/b"));
}

TEST_F(Lists, AHugeLineIsAnErrorAndTheNextIsRead) {
  EXPECT_THAT(urls("http://h/" + std::string(10'000'000, 'x') + "\nhttp://h/a\n"),
              ElementsAre("bad", "http://h/a"));
}

TEST_F(Lists, NulBytesDoNotEndALine) {
  const auto items = all(std::string("http://h/a\0b\nhttp://h/c\n", 24));
  ASSERT_THAT(items, SizeIs(2));
  EXPECT_EQ(items[0].url, std::string("http://h/a\0b", 12));
  EXPECT_EQ(items[1].url, "http://h/c");
}

TEST_F(Lists, AUrlThatIsNoUtf8ReachesItsWorkerAsItIs) {
  const std::string url = "http://h/caf\xE9.gif";
  EXPECT_THAT(urls(url), ElementsAre(url));
  v1::FetchRequest request;
  request.set_url(url);
  request.set_key("caf\xE9");
  request.set_path("caf\xE9.gif");
  std::string bytes;
  Writer(bytes).put(request);
  const auto arrived = Reader(bytes).get<v1::FetchRequest>();
  EXPECT_EQ(arrived.url(), url);
  EXPECT_EQ(arrived.path(), "caf\xE9.gif");
}

TEST_F(Lists, ManyLinesComeWholeAndInOrder) {
  std::string text;
  for (int i = 0; i < 50'000; ++i) text += "http://h/" + std::to_string(i) + "\n";
  const auto items = all(text);
  ASSERT_THAT(items, SizeIs(50'000));
  for (std::size_t i = 0; i < items.size(); ++i) ASSERT_EQ(items[i].key, std::to_string(i));
}

TEST_F(Lists, OneThatCannotBeOpenedIsRefusedByName) {
  try {
    open(folder_ / "none.txt");
    ADD_FAILURE() << "opened";
  } catch (const std::runtime_error& error) {
    EXPECT_THAT(error.what(), AllOf(HasSubstr("none.txt"), HasSubstr("No such file")));
  }
}

TEST_F(Lists, AFolderIsNone) {
  try {
    open(folder_);
    ADD_FAILURE() << "opened";
  } catch (const std::runtime_error& error) {
    EXPECT_THAT(error.what(), HasSubstr("it is a folder"));
  }
}

TEST_F(Lists, FilesAreCountedAsFarAsItMatters) {
  EXPECT_EQ(count_items(file("# c\n\n http://h/a\r\nbad\n\t\r\nhttp://h/b"), 100), 3u);
  EXPECT_EQ(count_items(file("a\nb\nc\n"), 2), 2u);
  EXPECT_EQ(count_items(file(""), 7), 0u);
  EXPECT_EQ(count_items(folder_ / "none", 7), 7u);
  EXPECT_EQ(count_items("-", 7), 7u);
  EXPECT_EQ(count_items("/dev/null", 7), 7u);
}

TEST_F(Lists, ASlowPipeYieldsWhatItHasBeforeItsEnd) {
  const std::string path = folder_ / "pipe";
  ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
  const int writer = ::open(path.c_str(), O_RDWR);
  const auto source = open(path);
  EXPECT_TRUE(std::holds_alternative<NotYet>(source->next()));
  ASSERT_EQ(write(writer, "http://h/a\nhttp://h/", 20), 20);
  EXPECT_EQ(next(*source).value_or(Item{}).url, "http://h/a");
  EXPECT_TRUE(std::holds_alternative<NotYet>(source->next()));
  ASSERT_EQ(write(writer, "b\n", 2), 2);
  EXPECT_EQ(next(*source).value_or(Item{}).url, "http://h/b");
  close(writer);
  EXPECT_FALSE(next(*source));
}

TEST_F(Lists, DestructionDoesNotWaitForAPipe) {
  const std::string path = folder_ / "pipe";
  ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
  const int writer = ::open(path.c_str(), O_RDWR);
  open(path).reset();
  close(writer);
}

// ---- retries
// ---------------------------------------------------------------------------------------------------------

TEST(Retry, TroubleThatMayPassIsTriedAgainAndOtherIsNot) {
  const std::map<v1::FetchClass, bool> table{
      {v1::DNS, true},        {v1::CONNECT, true},         {v1::TLS, false},
      {v1::TIMEOUT, true},    {v1::STALLED, true},         {v1::RESET, true},
      {v1::TRUNCATED, true},  {v1::PROTOCOL, false},       {v1::REDIRECT, false},
      {v1::TOO_LARGE, false}, {v1::WRONG_TYPE, false},     {v1::BAD_CHECKSUM, false},
      {v1::DISK, false},      {v1::WORKER_DIED, false},    {v1::CANCELLED, false},
      {v1::BAD_INPUT, false}, {v1::REFUSED_SCHEME, false}, {v1::REFUSED_ADDRESS, false}};
  for (const auto& [why, expected] : table)
    EXPECT_EQ(may_pass({}, failed(why)), expected) << class_name(why);
}

TEST(Retry, StatusesThatMayPassAreTheKnownSeven) {
  const std::set<unsigned> known{408, 425, 429, 500, 502, 503, 504};
  for (unsigned status = 100; status < 600; ++status)
    EXPECT_EQ(may_pass({}, answered(status)), known.contains(status)) << status;
}

TEST(Retry, OtherStatusesMayBeAdded) {
  RetryPolicy policy;
  policy.also = {418, 404};
  EXPECT_TRUE(may_pass(policy, answered(418)));
  EXPECT_TRUE(may_pass(policy, answered(503)));
  EXPECT_FALSE(may_pass(policy, answered(403)));
  EXPECT_TRUE(may_pass(policy, not_found()));
  EXPECT_FALSE(may_pass(policy, failed(v1::TOO_LARGE, 418)));
}

TEST(Retry, WhatIsThereOrNotFoundIsNotTriedAgain) {
  EXPECT_FALSE(wait_before_retry({}, ok(), 1, 0.5));
  EXPECT_FALSE(wait_before_retry({}, not_found(), 1, 0.5));
}

TEST(Retry, ThereAreNoMoreThanAskedFor) {
  RetryPolicy policy;
  policy.retries = 2;
  EXPECT_TRUE(wait_before_retry(policy, answered(503), 1, 0.5));
  EXPECT_TRUE(wait_before_retry(policy, answered(503), 2, 0.5));
  EXPECT_FALSE(wait_before_retry(policy, answered(503), 3, 0.5));
  policy.retries = 0;
  EXPECT_FALSE(wait_before_retry(policy, answered(503), 1, 0.5));
}

TEST(Retry, TheWaitIsRandomUpToABoundThatDoublesToThirtySeconds) {
  RetryPolicy policy;
  policy.retries = 1'000'000;
  double most = 250;
  for (int attempt = 1; attempt < 2000; ++attempt) {
    EXPECT_EQ(wait_before_retry(policy, answered(503), attempt, 0.0), 0ms);
    EXPECT_THAT(*wait_before_retry(policy, answered(503), attempt, 0.999999),
                AllOf(Ge(most * 0.99 * 1ms), Lt(most * 1ms)));
    most = std::min(most * 2, 30'000.0);
  }
}

TEST(Retry, RetryAfterIsHonouredUpToTheCap) {
  v1::FetchResult result = answered(503);
  result.set_retry_after_ms(7000);
  EXPECT_EQ(wait_before_retry({}, result, 1, 0.9), 7000ms);
  result.set_retry_after_ms(120'000);
  EXPECT_EQ(wait_before_retry({}, result, 1, 0.9), 120'000ms);
  result.set_retry_after_ms(120'001);
  EXPECT_FALSE(wait_before_retry({}, result, 1, 0.9));
  result.set_retry_after_ms(~0ull);
  EXPECT_FALSE(wait_before_retry({}, result, 1, 0.9));
}

TEST(Retry, RetryAfterOfNothingStillWaitsItsTurn) {
  v1::FetchResult result = answered(429);
  result.set_retry_after_ms(0);
  EXPECT_EQ(wait_before_retry({}, result, 1, 0.5), 125ms);
}

TEST(Retry, RetryAfterOfTroubleThatDoesNotPassIsNothing) {
  v1::FetchResult result = answered(403);
  result.set_retry_after_ms(1000);
  EXPECT_FALSE(wait_before_retry({}, result, 1, 0.5));
  EXPECT_FALSE(asked_pause({}, result));
}

// ---- lines
// -----------------------------------------------------------------------------------------------------------

ItemReport report_of(v1::FetchResult result) {
  ItemReport report;
  report.item = {0, "BR", "http://h/br.gif", "out/BR.gif", {}};
  report.result = std::move(result);
  return report;
}

const std::vector<std::string> kKeys{"key",      "url",    "outcome", "class",  "reason",
                                     "attempts", "status", "bytes",   "sha256", "path",
                                     "type",     "ms",     "host",    "worker", "pid"};

std::vector<std::string> keys_of(const nlohmann::ordered_json& line) {
  std::vector<std::string> keys;
  for (const auto& [key, value] : line.items()) keys.push_back(key);
  return keys;
}

TEST(JsonLine, HasAllKeysWhateverHappened) {
  for (const v1::FetchResult& result : {ok(), not_found(), failed(v1::DNS), v1::FetchResult()})
    EXPECT_EQ(keys_of(nlohmann::ordered_json::parse(json_line(report_of(result)))), kKeys);
}

TEST(JsonLine, SaysWhatIsKnown) {
  v1::FetchResult result = ok(343);
  result.set_sha256(std::string("\x00\xFFzz", 4));
  result.set_type("image/gif");
  result.set_micros(1500);
  ItemReport report = report_of(result);
  report.attempts = 2;
  report.where.host = "here";
  report.where.worker = 0;
  report.where.pid = 77;
  const auto line = nlohmann::json::parse(json_line(report));
  EXPECT_EQ(line, (nlohmann::json{{"key", "BR"},
                                  {"url", "http://h/br.gif"},
                                  {"outcome", "ok"},
                                  {"class", nullptr},
                                  {"reason", nullptr},
                                  {"attempts", 2},
                                  {"status", 200},
                                  {"bytes", 343},
                                  {"sha256", "00ff7a7a"},
                                  {"path", "out/BR.gif"},
                                  {"type", "image/gif"},
                                  {"ms", 1.5},
                                  {"host", "here"},
                                  {"worker", 0},
                                  {"pid", 77}}));
}

TEST(JsonLine, WhatIsNotKnownIsNull) {
  const auto line = nlohmann::json::parse(json_line(report_of(failed(v1::CONNECT))));
  EXPECT_EQ(line["outcome"], "error");
  EXPECT_EQ(line["class"], "connect");
  for (const char* key : {"reason", "status", "sha256", "path", "type", "host", "worker", "pid"})
    EXPECT_TRUE(line[key].is_null()) << key;
  EXPECT_EQ(line["bytes"], 0);
}

TEST(JsonLine, IsOneLineOfValidUtf8WhateverTheReason) {
  v1::FetchResult result = failed(v1::PROTOCOL);
  ItemReport report = report_of(result);
  report.item.key = "a\xFF\n\x1b[2J\"b";
  report.item.url = "http://h/\xC3";
  const std::string line = json_line(report);
  EXPECT_THAT(line, Not(HasSubstr("\n")));
  EXPECT_THAT(line, Not(HasSubstr("\x1b")));
  EXPECT_TRUE(nlohmann::json::accept(line));
}

TEST(JsonLine, EveryClassHasItsName) {
  std::set<std::string_view> names;
  for (int i = v1::DNS; i <= v1::BAD_INPUT; ++i)
    names.insert(class_name(static_cast<v1::FetchClass>(i)));
  EXPECT_EQ(names, (std::set<std::string_view>{"dns", "connect", "tls", "timeout", "stalled",
                                               "reset", "truncated", "protocol", "http_status",
                                               "redirect", "too_large", "wrong_type",
                                               "bad_checksum", "refused_scheme", "refused_address",
                                               "disk", "worker_died", "cancelled", "bad_input"}));
}

TEST(TextLine, SaysHowAnItemEnded) {
  EXPECT_EQ(text_line(report_of(ok())), "BR OK");
  EXPECT_EQ(text_line(report_of(not_found())), "BR not found: http://h/br.gif");
  v1::FetchResult result = failed(v1::CONNECT);
  result.set_reason("Connection refused");
  EXPECT_EQ(text_line(report_of(result)),
            "BR error: http://h/br.gif: connect: Connection refused (1 attempt)");
  ItemReport report = report_of(result);
  report.attempts = 5;
  EXPECT_THAT(text_line(report), testing::EndsWith("(5 attempts)"));
}

TEST(TextLine, WhatCameFromOutsideDoesNotTalkToTheTerminal) {
  ItemReport report = report_of(failed(v1::BAD_INPUT));
  report.item.key = "\x1b[2J";
  report.item.url = "http://h/\x1b]0;title\a\r\n";
  report.result.set_reason("odd: \x1b[31m");
  for (const char c : text_line(report))
    EXPECT_GE(static_cast<unsigned char>(c), 0x20) << text_line(report);
}

TEST(TextLine, PasswordsAreNotShown) {
  ItemReport report = report_of(not_found());
  report.item.url = "http://user:secret@h/br.gif";
  EXPECT_THAT(text_line(report), AllOf(Not(HasSubstr("secret")), HasSubstr("h/br.gif")));
}

TEST(TextLine, AHugeUrlIsCut) {
  ItemReport report = report_of(not_found());
  report.item.url = "http://h/" + std::string(60'000, 'x');
  EXPECT_THAT(text_line(report).size(), Lt(3000u));
}

TEST(ReportLines, CountInSingularAndPlural) {
  EXPECT_EQ(count_of(1, true), "1 flag");
  EXPECT_EQ(count_of(0, true), "0 flags");
  EXPECT_EQ(count_of(2, false), "2 files");
}

TEST(ReportLines, TenCodesOrFewerAreListed) {
  EXPECT_EQ(searching_line({"BR"}), "Searching for 1 flag: BR");
  EXPECT_EQ(searching_line({"BR", "CN", "US"}), "Searching for 3 flags: BR, CN, US");
  EXPECT_EQ(searching_line(pop20()), "Searching for 20 flags: from BD to VN");
}

TEST(ReportLines, SummaryIsAsPromised) {
  Totals totals;
  totals.ok = 20;
  EXPECT_EQ(summary(totals, true, std::chrono::duration<double>(0.07)),
            "--------------------\n 20 flags downloaded.\nElapsed time: 0.07s\n");
  totals = {.ok = 1, .not_found = 2, .errors = 1};
  EXPECT_EQ(summary(totals, false, 1s),
            "--------------------\n  1 file downloaded.\n  2 not found.\n  1 error.\nElapsed time: "
            "1.00s\n");
}

// ---- units
// -----------------------------------------------------------------------------------------------------------

TEST(Units, TimesAreReadAsPeopleTypeThem) {
  EXPECT_EQ(parse_duration("500ms"), 500ms);
  EXPECT_EQ(parse_duration("2s"), 2s);
  EXPECT_EQ(parse_duration("2"), 2s);
  EXPECT_EQ(parse_duration("0.25"), 250ms);
  EXPECT_EQ(parse_duration("1m"), 60s);
  EXPECT_EQ(parse_duration("1.5m"), 90s);
  EXPECT_EQ(parse_duration("0"), 0s);
}

TEST(Units, WhatIsNoTimeIsRefused) {
  for (const char* bad : {"", "s", "x", "-1", "-0", "1 s", " 1", "1ss", "1d", "1h", "nan", "inf",
                          "1e3", "0x10", "1,5", "1e300s", "99999h"})
    EXPECT_FALSE(parse_duration(bad)) << bad;
}

TEST(Units, SizesArePowersOf1024) {
  EXPECT_EQ(parse_size("17"), 17u);
  EXPECT_EQ(parse_size("10k"), 10'240u);
  EXPECT_EQ(parse_size("10K"), 10'240u);
  EXPECT_EQ(parse_size("5M"), 5u << 20);
  EXPECT_EQ(parse_size("1G"), 1u << 30);
  EXPECT_EQ(parse_size("0.5k"), 512u);
}

TEST(Units, WhatIsNoSizeIsRefused) {
  for (const char* bad : {"", "k", "-1", "1kb", "1 k", "1T", "nan", "x", "1e30G"})
    EXPECT_FALSE(parse_size(bad)) << bad;
}

// ---- options and the plan
// --------------------------------------------------------------------------------------------

cli::FetchOptions parse(std::vector<std::string> arguments) {
  cli::FetchOptions options;
  CLI::App app;
  cli::declare_fetch_options(app, options);
  std::reverse(arguments.begin(), arguments.end());
  app.parse(arguments);
  return options;
}

cli::FetchPlan plan(std::vector<std::string> arguments) {
  return cli::plan_fetch(parse(std::move(arguments)));
}

/// What it is refused with; empty: it is not.
std::string refusal(const std::vector<std::string>& arguments) {
  try {
    plan(arguments);
    return {};
  } catch (const CLI::ParseError& error) {
    return error.what();
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
}

TEST(Plan, WithoutOptionsItIsTheTwentyFlagsFromTheLocalServer) {
  const cli::FetchPlan chosen = plan({});
  EXPECT_EQ(chosen.codes, pop20());
  EXPECT_TRUE(chosen.flags);
  EXPECT_TRUE(chosen.built_in);
  EXPECT_EQ(chosen.label, "LOCAL");
  EXPECT_EQ(chosen.in_flight, 20u);
}

TEST(Plan, EveryBeatsAllBeatsCodes) {
  EXPECT_THAT(plan({"BR"}).codes, ElementsAre("BR"));
  EXPECT_EQ(plan({"BR", "-a"}).codes, all_countries());
  EXPECT_THAT(plan({"BR", "-a", "-e"}).codes, SizeIs(676));
}

TEST(Plan, TheLimitTakesTheFirst) {
  EXPECT_THAT(plan({"-e", "-l", "3"}).codes, ElementsAre("AA", "AB", "AC"));
  EXPECT_THAT(plan({"US", "BR", "-l", "1"}).codes, ElementsAre("BR"));
  EXPECT_THAT(plan({"BR", "-l", "1000000"}).codes, ElementsAre("BR"));
}

TEST(Plan, WorkersAreNeverMoreThanItemsOrTransfers) {
  EXPECT_EQ(plan({"-w", "50"}).workers, 20u);
  EXPECT_EQ(plan({"-w", "50", "BR", "CN"}).workers, 2u);
  EXPECT_EQ(plan({"-w", "50", "-m", "3"}).workers, 3u);
  EXPECT_EQ(plan({"-w", "50", "-m", "3"}).in_flight, 3u);
  EXPECT_EQ(plan({"-w", "50", "--from", "x", "-m", "7"}).workers, 7u);
  EXPECT_LE(plan({"BR"}).workers, 1u);
  EXPECT_EQ(plan({"-w", "4", "-m", "1000000", "--from", "x"}).in_flight, 1'000'000u);
}

TEST(Plan, ThreadsCarryOneTransferEachAndInlineOneAtATime) {
  EXPECT_EQ(plan({"-x", "threads", "-w", "4"}).in_flight, 4u);
  EXPECT_EQ(plan({"-x", "threads", "-w", "4", "BR", "CN"}).workers, 2u);
  EXPECT_EQ(plan({"-x", "inline", "-w", "4"}).in_flight, 1u);
}

TEST(Plan, TheConnectionsLineIsAsPromised) {
  const auto line = [](const std::vector<std::string>& arguments) {
    return cli::connections_line(parse(arguments), plan(arguments));
  };
  EXPECT_EQ(line({"-w", "4"}), "20 concurrent connections, 4 worker processes.");
  EXPECT_EQ(line({"BR"}), "1 concurrent connection, 1 worker process.");
  EXPECT_EQ(line({"-x", "threads", "-w", "4"}), "4 concurrent connections, 4 threads.");
  EXPECT_EQ(line({"-x", "inline"}), "1 connection, inline.");
}

TEST(Plan, LabelsAndWordsCountInAnyCase) {
  EXPECT_EQ(plan({"-s", "delay"}).label, "DELAY");
  EXPECT_EQ(plan({"-s", "Delay"}).practice.delay_max, 5s);
  EXPECT_EQ(parse({"-x", "THREADS"}).executor, cli::ExecutorKind::threads);
  EXPECT_EQ(parse({"--order", "Input"}).order, Order::input);
}

TEST(Plan, BuiltInServersFailAsTheirLabelSays) {
  EXPECT_EQ(plan({"-s", "ERROR"}).practice.error_rate, 0.25);
  EXPECT_EQ(plan({"-s", "ERROR", "--error-rate", "0.5"}).practice.error_rate, 0.5);
  EXPECT_EQ(plan({"-s", "ERROR", "--fault", "reset"}).practice.error_rate, 0);
  EXPECT_EQ(plan({"-s", "ERROR", "--fault", "reset"}).practice.fault.kind,
            serve::Fault::Kind::reset);
  EXPECT_EQ(plan({"--fault", "reset", "--error-rate", "0"}).practice.fault.kind,
            serve::Fault::Kind::none);
  EXPECT_EQ(plan({}).practice.delay_max, 0s);
}

TEST(Plan, ABaseUrlNeedsNoLabelAndMayEndWithASlash) {
  const cli::FetchPlan chosen = plan({"--base-url", "http://h/flags/"});
  EXPECT_EQ(chosen.label, "REMOTE");
  EXPECT_FALSE(chosen.built_in);
  EXPECT_EQ(chosen.url_template, "http://h/flags/{cc}/{cc}.gif");
}

TEST(Plan, DefaultsAreAsPromised) {
  const cli::FetchOptions options = parse({});
  EXPECT_EQ(options.max_in_flight, 30);
  EXPECT_EQ(options.retries, 4);
  EXPECT_EQ(options.max_retry_after, 120s);
  EXPECT_EQ(options.output, "downloads");
  const v1::FetchLimits limits = cli::limits_of(options);
  EXPECT_EQ(limits.timeout_ms(), 30'000u);
  EXPECT_EQ(limits.connect_timeout_ms(), 10'000u);
  EXPECT_EQ(limits.stall_bytes(), 1u);
  EXPECT_EQ(limits.stall_ms(), 20'000u);
  EXPECT_EQ(limits.max_redirects(), 10u);
  EXPECT_EQ(limits.max_bytes(), std::uint64_t{1} << 30);
  EXPECT_FALSE(limits.allow_private());
  EXPECT_FALSE(limits.allow_downgrade());
}

TEST(Plan, RetryStatusesAreAListAndMayBeGivenAgain) {
  EXPECT_THAT(parse({"--retry-status", "418,509", "--retry-status", "404", "BR"}).retry_statuses,
              ElementsAre(404, 418, 509));
}

TEST(Plan, OptionsThatDoNotGoTogetherAreRefusedByName) {
  const std::vector<std::pair<std::vector<std::string>, std::string>> table{
      {{"--from", "x", "BR"}, "--from"},
      {{"--from", "x", "-a"}, "--from"},
      {{"--from", "x", "-e"}, "--from"},
      {{"--from", "x", "--template", "http://h/{cc}"}, "--template"},
      {{"--from", "x", "--base-url", "http://h"}, "--base-url"},
      {{"--base-url", "http://h", "--template", "http://h/{cc}"}, "--base-url"},
      {{"--template", "http://h/flag.gif"}, "--template"},
      {{"--json", "--trace-futures"}, "--json"},
      {{"-s", "LOCAL", "--base-url", "http://h"}, "--server"},
      {{"-s", "DELAY", "--from", "x"}, "--server"},
      {{"-s", "REMOTE"}, "--server"},
      {{"--from", "x", "--fault", "reset"}, "--fault"},
      {{"--base-url", "http://h", "--delay", "1"}, "--delay"},
      {{"--delay", "5..1"}, "--delay"},
      {{"--fault", "explode"}, "--fault"},
      {{"XYZ"}, "CC"},
  };
  for (const auto& [arguments, named] : table)
    EXPECT_THAT(refusal(arguments), HasSubstr(named)) << testing::PrintToString(arguments);
}

TEST(Plan, ValuesThatAreNoneAreRefusedByName) {
  const std::vector<std::pair<std::string, std::vector<std::string>>> table{
      {"--limit", {"0", "x", "1.5", "99999999999999999999", "3000000000"}},
      {"--workers", {"0", "x"}},
      {"--max-req", {"0", "x", "1k", ""}},
      {"--retries", {"x", "1.5"}},
      {"--max-redirects", {"x"}},
      {"--timeout", {"x", "nan", "1d", "inf"}},
      {"--connect-timeout", {"x"}},
      {"--stall", {"1", "x/1s", "1/x", "/", "1/"}},
      {"--retry-status", {"x", "418,", "200", "600", ",418"}},
      {"--max-retry-after", {"x"}},
      {"--max-size", {"x", "1T"}},
      {"--server", {"NOPE", ""}},
      {"--executor", {"processess"}},
      {"--order", {"random"}},
      {"--sink", {"tarr"}},
      {"--error-rate", {"nan", "1.5", "x", "0.5x"}},
  };
  for (const auto& [option, values] : table)
    for (const std::string& value : values)
      EXPECT_THAT(refusal({option, value}), HasSubstr(option)) << option << " '" << value << "'";
}

TEST(Plan, ATooLargeNumberIsNotCalledTooSmall) {
  EXPECT_THAT(refusal({"-m", "99999999999999999999"}), HasSubstr("is more than"));
  EXPECT_THAT(refusal({"-m", "0"}), HasSubstr("at least 1"));
}

// ---- the run
// ---------------------------------------------------------------------------------------------------------

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

Item item_of(std::uint64_t index, const std::string& host = "h") {
  const std::string key = std::to_string(index);
  return {index, key, "http://" + host + "/" + key, {}, {}};
}

FakeSource items(std::uint64_t count) {
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

RunOptions quick() {
  RunOptions options;
  options.retry.base = 1ms;
  return options;
}

const auto kNoPath = [](Item&) {};

class RunTest : public testing::Test {
 protected:
  using Run = fetch::Run;  // not the private one of testing::Test
  ~RunTest() override { fake_download = nullptr; }
  Watching seen;
};

TEST_F(RunTest, EveryItemHasOneEndAndTheyAddUp) {
  fake_download = [](const v1::FetchRequest& request) {
    const int n = std::stoi(request.key());
    return n % 3 == 0 ? ok(10) : n % 3 == 1 ? not_found() : failed(v1::TLS);
  };
  InlineExecutor executor;
  Run run(executor, quick(), seen);
  FakeSource source = items(9);
  const Totals totals = run(source, kNoPath);
  EXPECT_EQ(totals.ok, 3u);
  EXPECT_EQ(totals.not_found, 3u);
  EXPECT_EQ(totals.errors, 3u);
  EXPECT_EQ(totals.bytes, 30u);
  EXPECT_THAT(seen.keys, UnorderedElementsAre("0", "1", "2", "3", "4", "5", "6", "7", "8"));
  EXPECT_TRUE(run.complete());
}

TEST_F(RunTest, RequestsSayWhatWasAskedFor) {
  std::vector<v1::FetchRequest> requests;
  fake_download = [&](const v1::FetchRequest& request) {
    requests.push_back(request);
    return ok();
  };
  RunOptions options = quick();
  options.limits.set_timeout_ms(77);
  InlineExecutor executor;
  Run run(executor, options, seen);
  FakeSource source = items(1);
  run(source, [](Item& item) { item.path = "out/" + item.key; });
  ASSERT_THAT(requests, SizeIs(1));
  EXPECT_EQ(requests[0].url(), "http://h/0");
  EXPECT_EQ(requests[0].path(), "out/0");
  EXPECT_EQ(requests[0].limits().timeout_ms(), 77u);
}

TEST_F(RunTest, TroubleThatPassesIsTriedAgain) {
  std::map<std::string, int> tries;
  fake_download = [&](const v1::FetchRequest& request) {
    return ++tries[request.key()] < 4 ? answered(503) : ok();
  };
  InlineExecutor executor;
  Run run(executor, quick(), seen);
  FakeSource source = items(5);
  EXPECT_EQ(run(source, kNoPath).ok, 5u);
  for (const auto& [key, attempts] : seen.attempts) EXPECT_EQ(attempts, 4) << key;
}

TEST_F(RunTest, TroubleThatStaysIsReportedOnceWithItsAttempts) {
  fake_download = [](const v1::FetchRequest&) { return failed(v1::RESET); };
  RunOptions options = quick();
  options.retry.retries = 2;
  InlineExecutor executor;
  Run run(executor, options, seen);
  FakeSource source = items(3);
  EXPECT_EQ(run(source, kNoPath).errors, 3u);
  EXPECT_THAT(seen.keys, SizeIs(3));
  for (const auto& [key, attempts] : seen.attempts) EXPECT_EQ(attempts, 3) << key;
}

TEST_F(RunTest, CompletionOrderDoesNotWaitForASlowItem) {
  std::mutex mutex;
  std::condition_variable changed;
  bool others_ended = false;
  fake_download = [&](const v1::FetchRequest& request) {
    std::unique_lock lock(mutex);
    if (request.key() == "0") changed.wait_for(lock, kPatience, [&] { return others_ended; });
    return ok();
  };
  seen.on_ended = [&](const ItemReport&) {
    const std::lock_guard lock(mutex);
    others_ended = seen.keys.size() == 3;
    changed.notify_all();
  };
  ThreadPoolExecutor executor({.max_workers = 2});
  Run run(executor, quick(), seen);
  FakeSource source = items(4);
  EXPECT_EQ(run(source, kNoPath).ok, 4u);
  EXPECT_EQ(seen.keys.back(), "0");
}

TEST_F(RunTest, InputOrderIsKeptWhateverEndsFirst) {
  std::map<std::string, int> tries;
  std::mutex mutex;
  fake_download = [&](const v1::FetchRequest& request) {
    const std::lock_guard lock(mutex);
    const bool again = std::stoi(request.key()) % 4 == 0 && ++tries[request.key()] < 3;
    return again ? answered(503) : ok();
  };
  RunOptions options = quick();
  options.order = Order::input;
  ThreadPoolExecutor executor({.max_workers = 3});
  Run run(executor, options, seen);
  FakeSource source([](std::uint64_t i) -> Next {
    if (i == 200) return AtEnd{};
    Item item = item_of(i);
    if (i % 7 == 3) item.trouble = "no URL";
    return item;
  });
  const Totals totals = run(source, kNoPath);
  EXPECT_EQ(totals.ended(), 200u);
  for (std::size_t i = 0; i < seen.keys.size(); ++i) ASSERT_EQ(seen.keys[i], std::to_string(i));
}

TEST_F(RunTest, ALineThatHoldsNoUrlIsAnErrorWithoutAnAttempt) {
  fake_download = [](const v1::FetchRequest&) { return ok(); };
  InlineExecutor executor;
  Run run(executor, quick(), seen);
  FakeSource source([](std::uint64_t i) -> Next {
    if (i == 2) return AtEnd{};
    Item item = item_of(i);
    if (i == 0) item.trouble = "line 1 holds no URL";
    return item;
  });
  EXPECT_EQ(run(source, kNoPath).errors, 1u);
  EXPECT_EQ(seen.attempts["0"], 0);
  EXPECT_EQ(seen.results["0"].error_class(), v1::BAD_INPUT);
  EXPECT_EQ(seen.results["0"].reason(), "line 1 holds no URL");
}

TEST_F(RunTest, AnEndlessSourceIsTakenNoFasterThanItEnds) {
  fake_download = [](const v1::FetchRequest&) { return ok(); };
  RunOptions options = quick();
  options.window = 16;
  ThreadPoolExecutor executor({.max_workers = 2});
  Run run(executor, options, seen);
  FakeSource source([](std::uint64_t i) { return Next(item_of(i)); });
  seen.on_ended = [&](const ItemReport&) {
    EXPECT_LE(source.asked, seen.keys.size() + options.window);
    if (seen.keys.size() == 1000) run.stop();
  };
  EXPECT_GE(run(source, kNoPath).ok, 1000u);
  EXPECT_FALSE(run.complete());
}

TEST_F(RunTest, AnEndlessSourceOfLinesWithoutUrlsCanBeStopped) {
  InlineExecutor executor;
  Run run(executor, quick(), seen);
  FakeSource source([](std::uint64_t i) {
    Item item = item_of(i);
    item.trouble = "holds no URL";
    return Next(item);
  });
  seen.on_ended = [&](const ItemReport&) {
    if (seen.keys.size() == 10'000) run.stop();
    ASSERT_LT(seen.keys.size(), 100'000u);
  };
  EXPECT_GE(run(source, kNoPath).errors, 10'000u);
}

TEST_F(RunTest, AWakeUpBetweenTwoLooksIsNotLost) {
  std::mutex mutex;
  std::condition_variable changed;
  bool asked_again = false, in_time = false;
  fake_download = [&](const v1::FetchRequest&) {
    std::unique_lock lock(mutex);
    in_time = changed.wait_for(lock, kPatience, [&] { return asked_again; });
    return ok();
  };
  ThreadPoolExecutor executor({.max_workers = 1});
  Run run(executor, quick(), seen);
  int looks = 0;
  FakeSource source([&](std::uint64_t i) -> Next {
    if (++looks == 2) {
      run.wake();  // by the reader's thread, just when the run had looked
      return NotYet{};
    }
    if (looks == 3) {
      const std::lock_guard lock(mutex);
      asked_again = true;
      changed.notify_all();
    }
    return looks == 1 ? Next(item_of(i)) : Next(AtEnd{});
  });
  EXPECT_EQ(run(source, kNoPath).ok, 1u);
  EXPECT_TRUE(in_time);
}

TEST_F(RunTest, AfterAStopNothingNewBeginsAndWhatBeganEnds) {
  std::atomic<int> begun{0};
  fake_download = [&](const v1::FetchRequest&) {
    ++begun;
    return ok();
  };
  RunOptions options = quick();
  options.window = 1;
  InlineExecutor executor;
  Run run(executor, options, seen);
  FakeSource source = items(100);
  seen.on_ended = [&](const ItemReport&) {
    if (seen.keys.size() == 5) run.stop();
  };
  EXPECT_EQ(run(source, kNoPath).ok, 5u);
  EXPECT_EQ(begun, 5);
  EXPECT_FALSE(run.complete());
}

TEST_F(RunTest, AStopEndsTheWaitForRetriesWithTheLastFailure) {
  for (const Order order : {Order::completion, Order::input}) {
    seen = {};
    RunOptions options = quick();
    options.order = order;
    options.retry.base = 1h;
    options.retry.longest = 1h;
    Run* stopped = nullptr;
    int calls = 0;
    fake_download = [&](const v1::FetchRequest&) {
      if (++calls == 3) stopped->stop();
      return answered(503);
    };
    InlineExecutor executor;
    Run run(executor, options, seen);
    stopped = &run;
    FakeSource source = items(3);
    EXPECT_EQ(run(source, kNoPath).errors, 3u);
    EXPECT_THAT(seen.keys, SizeIs(3));
    for (const auto& [key, attempts] : seen.attempts) EXPECT_EQ(attempts, 1);
    EXPECT_TRUE(run.complete());
  }
}

// A retry that was handed to the executor and had not begun was taken back by a stop, and the item
// had no end at all.
TEST_F(RunTest, ARetryTakenBackByAStopEndsAsItLastFailed) {
  std::mutex mutex;
  std::condition_variable changed;
  bool stopped = false, blocking = false;
  std::map<std::string, int> tries;
  fake_download = [&](const v1::FetchRequest& request) {
    std::unique_lock lock(mutex);
    if (request.key() == "0") return answered(503);
    blocking = true;
    changed.notify_all();
    changed.wait_for(lock, kPatience, [&] { return stopped; });
    return ok();
  };
  RunOptions options = quick();
  options.retry.base = 1ms;
  ThreadPoolExecutor executor({.max_workers = 1});
  Run run(executor, options, seen);
  FakeSource source = items(2);
  // One thread: the first attempt of 0 ends, 1 occupies the thread, and the retry of 0 waits behind
  // it.
  std::thread stopper([&] {
    {
      std::unique_lock lock(mutex);
      changed.wait_for(lock, kPatience, [&] { return blocking; });
    }
    while (executor.status().queued == 0) std::this_thread::yield();
    run.stop();
    const std::lock_guard lock(mutex);
    stopped = true;
    changed.notify_all();
  });
  const Totals totals = run(source, kNoPath);
  stopper.join();
  EXPECT_EQ(totals.ended(), 2u);
  EXPECT_EQ(totals.errors, 1u);
  EXPECT_THAT(seen.keys, UnorderedElementsAre("0", "1"));
  EXPECT_GE(seen.attempts["0"], 1);
}

TEST_F(RunTest, WhatATaskThrowsIsAnErrorOfItsItem) {
  fake_download = [](const v1::FetchRequest& request) -> v1::FetchResult {
    if (request.key() == "1") throw std::runtime_error("out of order");
    return ok();
  };
  InlineExecutor executor;
  Run run(executor, quick(), seen);
  FakeSource source = items(3);
  EXPECT_EQ(run(source, kNoPath).errors, 1u);
  EXPECT_EQ(seen.results["1"].reason(), "out of order");
}

TEST_F(RunTest, ARetryAfterHoldsBackItsWholeOriginAndNoOther) {
  using Clock = std::chrono::steady_clock;
  constexpr auto kPause = 300ms;
  std::map<std::string, std::vector<Clock::time_point>> begun;
  Clock::time_point asked{};
  fake_download = [&](const v1::FetchRequest& request) {
    begun[request.url()].push_back(Clock::now());
    if (request.url() != "http://busy/0" || begun[request.url()].size() > 1) return ok();
    v1::FetchResult result = answered(429);
    result.set_retry_after_ms(kPause.count());
    asked = Clock::now();
    return result;
  };
  RunOptions options = quick();
  options.window = 1;  // so that one ends before the next begins
  InlineExecutor executor;
  options.window = 64;
  Run run(executor, options, seen);
  int turn = 0;
  FakeSource source([&](std::uint64_t i) -> Next {
    if (++turn == 2) {
      run.wake();
      return NotYet{};  // lets the run see how the first one ended
    }
    if (i == 5) return AtEnd{};
    return item_of(i, i == 3 ? "free" : i == 4 ? "BUSY:80" : "busy");
  });
  EXPECT_EQ(run(source, kNoPath).ok, 5u);
  for (const char* url : {"http://busy/1", "http://busy/2", "http://BUSY:80/4"}) {
    ASSERT_THAT(begun[url], SizeIs(1)) << url;
    EXPECT_GE(begun[url][0], asked + kPause) << url;
  }
  ASSERT_THAT(begun["http://busy/0"], SizeIs(2));
  EXPECT_GE(begun["http://busy/0"][1], asked + kPause);
  EXPECT_LT(begun["http://free/3"][0], begun["http://busy/1"][0]);
  EXPECT_EQ(seen.attempts["1"], 1);
  EXPECT_EQ(seen.attempts["0"], 2);
}

TEST_F(RunTest, ARetryAfterBeyondTheCapEndsItsItemAndHoldsBackNobody) {
  fake_download = [&](const v1::FetchRequest& request) {
    if (request.key() != "0") return ok();
    v1::FetchResult result = answered(503);
    result.set_retry_after_ms(3'600'000);
    return result;
  };
  InlineExecutor executor;
  Run run(executor, quick(), seen);
  FakeSource source = items(3);
  const Totals totals = run(source, kNoPath);
  EXPECT_EQ(totals.ok, 2u);
  EXPECT_EQ(totals.errors, 1u);
  EXPECT_EQ(seen.attempts["0"], 1);
}

}  // namespace
}  // namespace flagship::fetch

int main(int argc, char** argv) {
  flagship::init(argc, argv);
  testing::InitGoogleMock(&argc, argv);
  return RUN_ALL_TESTS();
}
