// SPDX-License-Identifier: MIT
// What `flagship fetch` makes of its options.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "master/cli/fetch_options.hpp"
#include "master/cli/fetch_plan.hpp"
#include "master/fetch/country_codes.hpp"

namespace flagship::fetch {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

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

TEST(Plan, LimitsForEachOriginAreWhatWasAskedFor) {
  EXPECT_FALSE(parse({}).per_origin);
  EXPECT_EQ(parse({"--per-origin", "2"}).per_origin, 2);
  EXPECT_EQ(parse({}).rate, 0);
  EXPECT_EQ(parse({"--rate", "0.5"}).rate, 0.5);
  EXPECT_EQ(parse({"--rate", "20"}).rate, 20);
  EXPECT_EQ(parse({"--total-rate", "7"}).total_rate, 7);
}

TEST(Plan, MaxErrorsAreANumberOrAShare) {
  EXPECT_FALSE(parse({}).max_errors.count);
  EXPECT_FALSE(parse({}).max_errors.percent);
  EXPECT_EQ(parse({"--max-errors", "0"}).max_errors.count, 0u);
  EXPECT_EQ(parse({"--max-errors", "2.5%"}).max_errors.percent, 2.5);
}

TEST(Plan, LimitsThatAreNoneAreRefusedByName) {
  for (const char* rate : {"0", "-1", "x", "5/s", "nan", "inf", "1e9", ""})
    EXPECT_THAT(refusal({"--rate", rate}), HasSubstr("--rate")) << rate;
  for (const char* most : {"-1", "x", "%", "-1%", "101%", "nan%", "1.5", ""})
    EXPECT_THAT(refusal({"--max-errors", most}), HasSubstr("--max-errors")) << most;
  EXPECT_THAT(refusal({"--per-origin", "0"}), HasSubstr("--per-origin"));
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
      {{"--template", "http://h/{cc}/{set}"},
       "--template: there is no {set}; there are: {cc}, {CC}, {key}"},
      {{"--name", "{key}-{id}"}, "--name: there is no {id}; there are: {key}, {ext}"},
      {{"--key", "id"}, "--key"},
      {{"--url", "link"}, "--url"},
      {{"--checksum", "sum"}, "--checksum"},
      {{"--from", "x", "--url", "line", "--template", "http://h/{line}"}, "--url"},
      {{"--from", "x", "--template", "http://h/flag.gif"}, "--template"},
      {{"--from", "x", "--name", "{id}{ext}"}, "--name: there is no column 'id'"},
      {{"--from", "x", "--checksum", "sum"}, "--checksum: there is no column 'sum'"},
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
      {"--timeout", {"x", "nan", "1w", "inf"}},
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

}  // namespace
}  // namespace flagship::fetch
