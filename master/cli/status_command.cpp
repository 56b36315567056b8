// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <exception>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "master/cli/commands.hpp"
#include "master/cli/exit_codes.hpp"
#include "master/cli/remembered_options.hpp"
#include "master/cli/resume_line.hpp"
#include "master/fetch/report.hpp"
#include "master/fetch/store/overview.hpp"

namespace flagship::cli {
namespace {

using fetch::Overview;

struct StatusOptions {
  std::string folder = "downloads";
  bool json = false;
};

const char* name_of(Overview::State state) {
  switch (state) {
    case Overview::State::running:
      return "running";
    case Overview::State::complete:
      return "complete";
    case Overview::State::unfinished:
      return "unfinished";
  }
  return "";
}

double began_last(const Overview& run) { return run.resumed.value_or(run.began); }

/// Items a second; while it runs until now, else until the last thing that is on record.
double rate(const Overview& run) {
  const double end = run.state == Overview::State::running ? run.now : run.last_news;
  return static_cast<double>(run.ended_since_begin) / std::max(end - began_last(run), 0.001);
}

double rate_lately(const Overview& run) {
  const double time = std::clamp(run.last_news - began_last(run), 0.001, Overview::kLately);
  return static_cast<double>(std::min(run.ended_lately, run.ended_since_begin)) / time;
}

std::string how_to_go_on(const StatusOptions& options, const Overview& run) {
  return resume_command(options.folder, list_was_input(run.arguments));
}

std::string first_line(const Overview& run) {
  const std::string who = fmt::format("process {} on {}", run.pid, run.host);
  if (run.state == Overview::State::running)
    return fmt::format("Running for {} ({}).", fetch::clock_time(run.now - began_last(run)), who);
  const double end = run.ended.value_or(run.last_news);
  const char* const how = run.state == Overview::State::complete ? "Complete"
                          : run.ended                            ? "Stopped before its end"
                                                                 : "Cut short";
  return fmt::format("{} {} ago, after {} ({}).", how, fetch::clock_time(run.now - end),
                     fetch::clock_time(end - began_last(run)), who);
}

std::string classes_of(const Overview& run) {
  std::string text;
  for (const auto& [name, number] : run.errors_by_class)
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", number, name);
  return text;
}

void print_counts(const Overview& run) {
  const fetch::Totals& totals = run.totals;
  fmt::print("{:8} downloaded, {} bytes\n", totals.ok, totals.bytes);
  if (totals.skipped > 0) fmt::print("{:8} skipped\n", totals.skipped);
  if (totals.not_found > 0) fmt::print("{:8} not found\n", totals.not_found);
  if (totals.errors > 0)
    fmt::print("{:8} error{}: {}\n", totals.errors, totals.errors == 1 ? "" : "s", classes_of(run));
  if (run.retries > 0) fmt::print("{:8} failed attempts were tried again\n", run.retries);
  if (run.expected)
    fmt::print("{:8} to go\n", *run.expected - std::min(*run.expected, totals.ended()));
}

void print_text(const StatusOptions& options, const Overview& run) {
  const bool running = run.state == Overview::State::running;
  fmt::print("{}\n", first_line(run));
  print_counts(run);
  fmt::print("{:.1f} items a second", rate(run));
  if (running)
    fmt::print(", {:.1f} lately; {} in flight at most; the last ended {:.1f}s ago",
               rate_lately(run), run.in_flight, std::max(0.0, run.now - run.last_news));
  fmt::print("\n");
  if (running) return;
  if (run.state == Overview::State::unfinished)
    fmt::print("To go on: {}\n", how_to_go_on(options, run));
  if (run.totals.errors > run.unfinished)
    fmt::print("To try what failed again: {} --retry-failed\n",
               resume_command(options.folder, false));
}

void print_json(const StatusOptions& options, const Overview& run) {
  const auto time_or_null = [](const std::optional<double>& time) {
    return time ? nlohmann::json(*time) : nlohmann::json(nullptr);
  };
  nlohmann::ordered_json line;
  line["folder"] = options.folder;
  line["state"] = name_of(run.state);
  line["program"] = run.program;
  line["host"] = run.host;
  line["pid"] = run.pid;
  line["began"] = run.began;
  line["resumed"] = time_or_null(run.resumed);
  line["ended"] = time_or_null(run.ended);
  line["last_news"] = run.last_news;
  line["expected"] = run.expected ? nlohmann::json(*run.expected) : nlohmann::json(nullptr);
  line["ok"] = run.totals.ok;
  line["not_found"] = run.totals.not_found;
  line["errors"] = run.totals.errors;
  line["skipped"] = run.totals.skipped;
  line["bytes"] = run.totals.bytes;
  line["classes"] = run.errors_by_class;
  line["unfinished"] = run.unfinished;
  line["retries"] = run.retries;
  line["in_flight"] = run.in_flight;
  line["per_second"] = rate(run);
  line["per_second_lately"] = rate_lately(run);
  line["resume"] = how_to_go_on(options, run);
  fmt::print("{}\n", line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
}

int show_status(const StatusOptions& options) {
  try {
    const Overview run = fetch::overview_of(options.folder);
    options.json ? print_json(options, run) : print_text(options, run);
    if (std::fflush(stdout) != 0) throw std::runtime_error("cannot write to standard output");
    return kAllWell;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "flagship status: %s\n", error.what());
    return kBroken;
  }
}

}  // namespace

void add_status(CLI::App& app, int& exit_code) {
  const auto options = std::make_shared<StatusOptions>();
  CLI::App& command = *app.add_subcommand("status", "A running or finished run at a glance");
  command.add_option("RUN", options->folder, "The run's output folder (default: downloads)")
      ->type_name("");
  command.add_flag("--json", options->json, "The same as a line of JSON");
  command.callback([options, &exit_code] { exit_code = show_status(*options); });
}

}  // namespace flagship::cli
