// SPDX-License-Identifier: MIT
// The lines in which `flagship fetch` says what became of an item, and of all.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "master/fetch/report.hpp"
#include "tests/unit/fetch_results.hpp"

namespace flagship::fetch {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::HasSubstr;
using testing::Lt;
using testing::Not;

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

}  // namespace
}  // namespace flagship::fetch
