// SPDX-License-Identifier: MIT
// What is counted of a run, and how it is shown while it lasts.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "master/fetch/metrics.hpp"
#include "master/fetch/progress.hpp"
#include "master/fetch/report.hpp"
#include "master/fetch/tally.hpp"
#include "tests/unit/fetch_results.hpp"

namespace flagship::fetch {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::Pair;
using testing::StartsWith;

void tell(Tally& tally, v1::FetchResult result, std::chrono::microseconds time = 0us) {
  Totals totals = tally.totals();
  const bool ok = result.outcome() == v1::FETCH_OK;
  ++(ok ? totals.ok : totals.errors);
  if (ok) totals.bytes += result.bytes();
  result.set_micros(static_cast<std::uint64_t>(time.count()));
  ItemReport report;
  report.result = std::move(result);
  tally.ended(report, totals);
}

Tally busy() {
  Tally tally;
  for (int i = 1; i <= 97; ++i) tell(tally, ok(1000), i * 1ms);
  tell(tally, failed(v1::TIMEOUT), 2s);
  tell(tally, failed(v1::TIMEOUT), 2s);
  tell(tally, failed(v1::DNS), 1ms);
  return tally;
}

TEST(Times, OfNoneAreZero) {
  const TimeHistogram times;
  EXPECT_EQ(times.percentile(0.5), 0us);
  EXPECT_EQ(times.longest(), 0us);
}

TEST(Times, OfOneAreThatOne) {
  TimeHistogram times;
  times.add(12'345us);
  for (const double share : {0.0, 0.5, 0.99, 1.0}) EXPECT_EQ(times.percentile(share), 12'345us);
}

TEST(Times, PercentilesAreNotTooSmallAndHardlyTooLarge) {
  TimeHistogram times;
  for (int i = 1; i <= 100'000; ++i) times.add(i * 7us);
  for (const double share : {0.001, 0.01, 0.5, 0.9, 0.99, 0.999}) {
    const double exact = std::ceil(share * 100'000) * 7;
    const auto found = static_cast<double>(times.percentile(share).count());
    EXPECT_GE(found, exact) << share;
    EXPECT_LE(found, exact * 33 / 32 + 1) << share;
  }
  EXPECT_EQ(times.percentile(1), 700'000us);
  EXPECT_EQ(times.count(), 100'000u);
}

TEST(Times, ShortOnesAreExactAndHugeOnesFit) {
  TimeHistogram times;
  for (int i = 0; i < 64; ++i) times.add(std::chrono::microseconds(i));
  EXPECT_EQ(times.percentile(0.5), 31us);
  times.add(std::chrono::microseconds::max());
  times.add(-1us);
  EXPECT_EQ(times.percentile(1), std::chrono::microseconds((std::int64_t{1} << 40) - 1));
  EXPECT_EQ(times.percentile(0), 0us);
}

TEST(Counts, HaveErrorsByClassTheMostFrequentFirst) {
  const Tally tally = busy();
  EXPECT_THAT(tally.errors(), ElementsAre(Pair(v1::TIMEOUT, 2u), Pair(v1::DNS, 1u)));
  EXPECT_EQ(tally.times().count(), 100u);
  EXPECT_EQ(classes_of(tally), "2 timeout, 1 dns");
}

TEST(Counts, ItemsThatWereNeverTriedTookNoTime) {
  Tally tally;
  tell(tally, failed(v1::BAD_INPUT));
  EXPECT_EQ(tally.times().count(), 0u);
}

TEST(PaceOfARun, IsThatOfTheLastSeconds) {
  const Pace::Clock::time_point begin{};
  Pace pace(begin);
  EXPECT_EQ(pace.at(begin + 1s, 10, 1000).items, 10);
  EXPECT_EQ(pace.at(begin + 2s, 20, 3000).bytes, 1500);
  EXPECT_EQ(pace.at(begin + 10s, 100, 3000).items, 10);   // since the sample at 2 s
  EXPECT_EQ(pace.at(begin + 15s, 600, 3000).items, 100);  // since that at 10 s
  EXPECT_EQ(pace.at(begin + 20s, 600, 3000).items, 0);
  EXPECT_GE(Pace(begin).at(begin, 0, 0).items, 0);
}

TEST(ProgressLine, SaysHowItIsGettingOn) {
  const Tally tally = busy();
  EXPECT_EQ(progress_line({tally, Expected{4100}, {40, 1'300'000}, false}),
            "100/4100 files, 40/s, 1.2 MiB/s, p50 49.2 ms, p99 2 s, 3 errors (2 timeout, 1 dns), "
            "1m40s left");
  EXPECT_EQ(progress_line({Tally(), std::nullopt, {}, true}), "0 flags, 0/s");
}

TEST(ProgressLine, AGuessIsMarkedAsOne) {
  EXPECT_THAT(progress_line({Tally(), Expected{1000, false}, {}, false}), StartsWith("0/~1000 "));
}

TEST(ProgressLine, MoreThanExpectedLeavesNothingToDo) {
  const Tally tally = busy();
  EXPECT_THAT(progress_line({tally, Expected{50, false}, {1, 0}, false}), EndsWith(", 0s left"));
}

TEST(ProgressBar, FitsWhateverTheTerminal) {
  const Tally tally = busy();
  const Progress progress{tally, Expected{200}, {40, 1'300'000}, false};
  for (std::size_t columns = 0; columns < 200; ++columns)
    EXPECT_LE(progress_bar(progress, columns).size(), columns);
  EXPECT_EQ(progress_bar(progress, 200),
            "[" + std::string(15, '#') + std::string(15, '.') + "] " + progress_line(progress));
  EXPECT_EQ(progress_bar(progress, 79),
            "[###############...............] 100/200 files, 40/s, 3 errors, 3s left");
  EXPECT_EQ(progress_bar(progress, 25), "100/200 files, 40/s");
}

TEST(ProgressBar, IsFullAndNoMoreWhenThereAreMoreThanGuessed) {
  const Tally tally = busy();
  EXPECT_THAT(progress_bar({tally, Expected{5, false}, {}, true}, 79),
              StartsWith("[" + std::string(30, '#') + "] 100/~5 flags"));
  EXPECT_THAT(progress_bar({tally, Expected{0}, {}, true}, 79), StartsWith("100/0 flags"));
}

TEST(Sizes, AreWordsForPeople) {
  EXPECT_EQ(size_words(0), "0 B");
  EXPECT_EQ(size_words(1023), "1023 B");
  EXPECT_EQ(size_words(1024), "1.0 KiB");
  EXPECT_EQ(size_words(34.0 * 1024 * 1024), "34 MiB");
  EXPECT_EQ(size_words(5e15), "4547 TiB");
}

TEST(Details, AreBytesRatesTimesAndErrors) {
  EXPECT_EQ(details(busy(), 10s),
            "Received 95 KiB, 9.5 KiB/s, 10.0 files/s.\n"
            "Time of a file: p50 49.2 ms, p90 90.1 ms, p99 2 s, at most 2 s.\n"
            "Errors: 2 timeout, 1 dns.\n");
  EXPECT_EQ(details(Tally(), 0s), "Received 0 B, 0 B/s, 0.0 files/s.\n");
}

TEST(SummaryFile, IsJson) {
  const auto json = nlohmann::json::parse(summary_json(busy(), 10s, true));
  EXPECT_EQ(json["ok"], 97);
  EXPECT_EQ(json["errors"], 3);
  EXPECT_EQ(json["complete"], true);
  EXPECT_EQ(json["bytes"], 97'000);
  EXPECT_EQ(json["seconds"], 10);
  EXPECT_EQ(json["ms"]["max"], 2000);
  EXPECT_EQ(json["errors_by_class"], (nlohmann::json{{"timeout", 2}, {"dns", 1}}));
}

TEST(Metrics, AreInPrometheusTextFormat) {
  const std::string text = metrics_text(busy(), 1.5, true);
  EXPECT_THAT(text, AllOf(HasSubstr("# TYPE flagship_items_total counter\n"),
                          HasSubstr("\nflagship_items_total{outcome=\"ok\"} 97\n"),
                          HasSubstr("\nflagship_items_total{outcome=\"not_found\"} 0\n"),
                          HasSubstr("\nflagship_errors_total{class=\"timeout\"} 2\n"),
                          HasSubstr("\nflagship_item_seconds{quantile=\"0.99\"} 2\n"),
                          HasSubstr("\nflagship_item_seconds_count 100\n"),
                          HasSubstr("\nflagship_start_time_seconds 1.500\n"),
                          EndsWith("\nflagship_finished 1\n")));
}

class Files : public testing::Test {
 protected:
  Files() {
    if (mkdtemp(folder_.data()) == nullptr) throw std::runtime_error("mkdtemp");
  }
  ~Files() override { std::filesystem::remove_all(folder_); }
  std::string read(const std::string& name) const {
    std::ifstream file(folder_ + "/" + name);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  std::string folder_ = "/tmp/fs-XXXXXX";
};

TEST_F(Files, AreReplacedInOneStepAndLeaveNothingElse) {
  replace_file(folder_ + "/a", "one");
  replace_file(folder_ + "/a", "two");
  EXPECT_EQ(read("a"), "two");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_), {}), 1);
}

TEST_F(Files, ThatCannotBeWrittenAreNamed) {
  try {
    replace_file(folder_ + "/none/a", "one");
    ADD_FAILURE() << "written";
  } catch (const std::runtime_error& error) {
    EXPECT_THAT(error.what(), AllOf(HasSubstr("/none/a"), HasSubstr("No such file")));
  }
}

TEST_F(Files, MetricsAreThereFromTheBeginningAndSayWhenItIsOver) {
  Tally tally;
  MetricsFile metrics(folder_ + "/m.prom", tally);
  EXPECT_THAT(read("m.prom"), HasSubstr("\nflagship_finished 0\n"));
  tell(tally, ok());
  metrics.finish();
  EXPECT_THAT(read("m.prom"),
              AllOf(HasSubstr("outcome=\"ok\"} 1\n"), HasSubstr("\nflagship_finished 1\n")));
}

}  // namespace
}  // namespace flagship::fetch
