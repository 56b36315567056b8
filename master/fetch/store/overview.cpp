// SPDX-License-Identifier: MIT
#include "master/fetch/store/overview.hpp"

#include <algorithm>
#include <chrono>

#include "master/fetch/store/run_lock.hpp"
#include "master/fetch/store/schema.hpp"

namespace flagship::fetch {
namespace {

double now_in_seconds() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

std::uint64_t count(const Statement& row, int column) {
  return static_cast<std::uint64_t>(row.integer(column));
}

std::optional<double> real_or_nothing(const Statement& row, int column) {
  return row.is_null(column) ? std::nullopt : std::optional(row.real(column));
}

bool read_run(Database& database, Overview& overview) {
  Statement run(database,
                "SELECT program, arguments, host, pid, began, resumed, ended, complete, expected, "
                "min(under_way, most_in_flight) FROM run ORDER BY id DESC LIMIT 1");
  if (!run.step()) return false;
  overview.program = run.text(0);
  overview.arguments = run.text(1);
  overview.host = run.text(2);
  overview.pid = run.integer(3);
  overview.began = run.real(4);
  overview.resumed = real_or_nothing(run, 5);
  overview.ended = real_or_nothing(run, 6);
  if (run.integer(7) != 0) overview.state = Overview::State::complete;
  if (!run.is_null(8)) overview.expected = count(run, 8);
  overview.in_flight = count(run, 9);
  return true;
}

void add(Overview& overview, const std::string& outcome, std::uint64_t items) {
  Totals& totals = overview.totals;
  if (outcome == "ok") totals.ok += items;
  if (outcome == "not_found") totals.not_found += items;
  if (outcome == "skipped") totals.skipped += items;
  if (outcome == "error") totals.errors += items;
}

void read_items(Database& database, Overview& overview) {
  const double begin = overview.resumed.value_or(overview.began);
  overview.last_news = begin;
  Statement newest(database, "SELECT max(ended) FROM item");
  if (newest.step() && !newest.is_null(0)) overview.last_news = std::max(begin, newest.real(0));
  Statement items(database,
                  "SELECT outcome, class, unfinished, count(*), total(bytes), "
                  "sum(ended >= ?), sum(ended > ?) FROM item WHERE outcome IS NOT NULL "
                  "GROUP BY outcome, class, unfinished");
  items.start(begin, overview.last_news - Overview::kLately);
  while (items.step()) {
    const std::string outcome = items.text(0);
    const std::uint64_t number = count(items, 3);
    add(overview, outcome, number);
    if (outcome == "error") overview.errors_by_class[items.text(1)] += number;
    if (items.integer(2) != 0) overview.unfinished += number;
    overview.totals.bytes += count(items, 4);
    overview.ended_since_begin += count(items, 5);
    overview.ended_lately += count(items, 6);
  }
}

}  // namespace

Overview overview_of(const std::filesystem::path& folder) {
  const bool running = RunLock::held(folder);  // first: it opens and closes the file
  Database database = open_record_to_read(folder);
  Overview overview;
  overview.now = now_in_seconds();
  database.run("BEGIN");  // all of it as of one moment
  if (!read_run(database, overview))
    throw RecordError("there is no run on record in '" + folder.string() + "'");
  read_items(database, overview);
  overview.retries =
      static_cast<std::uint64_t>(database.integer("SELECT count(*) FROM attempt").value_or(0));
  database.run("COMMIT");
  if (running) overview.state = Overview::State::running;
  return overview;
}

std::string remembered_arguments(const std::filesystem::path& folder) {
  Database database = open_record_to_read(folder);
  Statement run(database, "SELECT arguments FROM run ORDER BY id DESC LIMIT 1");
  if (!run.step()) throw RecordError("there is no run on record in '" + folder.string() + "'");
  return run.text(0);
}

}  // namespace flagship::fetch
