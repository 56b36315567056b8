// SPDX-License-Identifier: MIT
#include "master/fetch/store/record.hpp"

#include <unistd.h>

#include <array>
#include <chrono>
#include <string_view>

#include "common/hex.hpp"
#include "common/version.hpp"
#include "master/fetch/report.hpp"
#include "master/fetch/store/file_state.hpp"
#include "master/fetch/store/schema.hpp"
#include "worker/fetch/text.hpp"
#include "worker/fetch/url.hpp"

namespace flagship::fetch {
namespace {

// A short WAL is copied into the database again and again; a long one takes room.
constexpr const char* kSettings = "PRAGMA wal_autocheckpoint = 4000; PRAGMA cache_size = -8000";

/// Seconds since 1970, as SQLite's date functions take them.
double now_in_seconds() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

std::string this_host() {
  std::array<char, 256> name{};
  gethostname(name.data(), name.size() - 1);
  return name.data();
}

std::optional<std::string_view> text_or_null(std::string_view text) {
  return text.empty() ? std::nullopt : std::optional(text);
}

template <class Number>
std::optional<Number> number_or_null(Number number, bool known) {
  return known ? std::optional(number) : std::nullopt;
}

std::optional<double> ms_or_null(std::uint64_t micros) {
  return number_or_null(static_cast<double>(micros) / 1000, micros != 0);
}

}  // namespace

Record::Record(const std::filesystem::path& folder, const RunFacts& facts)
    : file_(record_file(folder)), lock_(folder), database_(open_record(folder, lock_)) {
  database_->run(kSettings);
  database_->run(facts.careful ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL");
  Transaction transaction(*database_);
  facts.resume ? go_on(facts) : begin(facts);
  transaction.commit();
  holds_something_ = facts.resume || run_ > 1;
  put_item_.emplace(
      *database_,
      "INSERT OR REPLACE INTO item (place, key, url, path, shard, outcome, class, reason, "
      "unfinished, attempts, status, bytes, sha256, type, final_url, etag, "
      "last_modified, modified, ms, lookup_ms, connect_ms, tls_ms, first_byte_ms, "
      "host, worker, pid, ended) "
      "VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)");
  put_begun_.emplace(*database_,
                     "INSERT OR REPLACE INTO item (place, key, url, path) VALUES (?,?,?,?)");
  put_attempt_.emplace(*database_,
                       "INSERT INTO attempt (place, number, class, reason, status, ms, host, "
                       "worker, pid, ended) VALUES (?,?,?,?,?,?,?,?,?,?)");
  put_under_way_.emplace(*database_, "UPDATE run SET under_way = ? WHERE id = ?");
}

Record::~Record() {
  if (holds_something_) return;
  put_item_.reset(), put_begun_.reset(), put_attempt_.reset(), put_under_way_.reset();
  database_.reset();
  for (const char* end : {"-wal", "-shm", ""}) unlink((file_.string() + end).c_str());
}

// Its files are still there: what is known of them helps the next run not to fetch them again.
void Record::retire_last_run() {
  database_->run(R"sql(
    INSERT OR REPLACE INTO file
      SELECT path, url, etag, last_modified, bytes, sha256, modified, (SELECT max(id) FROM run)
      FROM item
      WHERE outcome = 'ok' AND path IS NOT NULL AND modified IS NOT NULL
        AND (etag IS NOT NULL OR last_modified IS NOT NULL)
      ORDER BY path;
    UPDATE run SET (ok, not_found, errors, skipped, bytes) = (
      SELECT total(outcome = 'ok'), total(outcome = 'not_found'), total(outcome = 'error'),
        total(outcome = 'skipped'), total(CASE outcome WHEN 'ok' THEN bytes END) FROM item)
      WHERE id = (SELECT max(id) FROM run);
    DELETE FROM item;
    DELETE FROM attempt;
  )sql");
}

void Record::begin(const RunFacts& facts) {
  replaced_unfinished_ =
      database_->integer("SELECT complete FROM run ORDER BY id DESC LIMIT 1").value_or(1) == 0;
  retire_last_run();
  Statement(*database_,
            "INSERT INTO run (program, arguments, host, pid, began, expected, most_in_flight) "
            "VALUES (?,?,?,?,?,?,?)")
      .run("flagship " + std::string(kVersion), facts.arguments, this_host(), getpid(),
           now_in_seconds(), facts.expected, facts.most_in_flight);
  run_ = *database_->integer("SELECT max(id) FROM run");
}

void Record::go_on(const RunFacts& facts) {
  const auto last = database_->integer("SELECT max(id) FROM run");
  if (!last) throw RecordError("there is no run to go on with");
  run_ = *last;
  Statement(*database_,
            "UPDATE run SET arguments = ?, host = ?, pid = ?, resumed = ?, ended = NULL, "
            "complete = 0, expected = ?, most_in_flight = ?, under_way = 0 WHERE id = ?")
      .run(facts.arguments, this_host(), getpid(), now_in_seconds(), facts.expected,
           facts.most_in_flight, run_);
}

void Record::write(const RecordBatch& batch) {
  const double now = now_in_seconds();
  Transaction transaction(*database_);
  for (const BegunItem& item : batch.begun)
    put_begun_->run(item.place, item.key, shown_url(item.url), name_in(item.path));
  for (const FailedAttempt& attempt : batch.failed)
    put_attempt_->run(attempt.place, attempt.number, class_name(attempt.result.error_class()),
                      text_or_null(attempt.result.reason()),
                      number_or_null(attempt.result.status(), attempt.result.status() != 0),
                      ms_or_null(attempt.result.micros()), text_or_null(attempt.where.host),
                      number_or_null(attempt.where.worker, attempt.where.worker >= 0),
                      number_or_null(attempt.where.pid, attempt.where.pid > 0), now);
  for (const ItemReport* report : batch.ended) put(*report, now);
  put_under_way_->run(batch.under_way, run_);
  transaction.commit();
  holds_something_ = true;
}

void Record::put(const ItemReport& report, double now) {
  const v1::FetchResult& result = report.result;
  const v1::FetchTimings& timings = result.timings();
  const bool ok = result.outcome() == v1::FETCH_OK;
  const std::string url = shown_url(report.item.url);
  const std::string final_url = shown_url(result.final_url());
  const std::string sha256 = to_hex(result.sha256());
  put_item_->run(report.item.place, report.item.key, url, text_or_null(name_in(report.item.path)),
                 text_or_null(result.shard()), outcome_name(result.outcome()),
                 text_or_null(class_name(result.error_class())), text_or_null(result.reason()),
                 report.unfinished || result.error_class() == v1::CANCELLED, report.attempts,
                 number_or_null(result.status(), result.status() != 0),
                 number_or_null(result.bytes(), ok), text_or_null(sha256),
                 text_or_null(result.type()), text_or_null(final_url), text_or_null(result.etag()),
                 text_or_null(result.last_modified()),
                 number_or_null(result.modified(), result.modified() != 0),
                 ms_or_null(result.micros()), ms_or_null(timings.looked_up()),
                 ms_or_null(timings.connected()), ms_or_null(timings.secured()),
                 ms_or_null(timings.first_byte()), text_or_null(report.where.host),
                 number_or_null(report.where.worker, report.where.worker >= 0),
                 number_or_null(report.where.pid, report.where.pid > 0), now);
}

void Record::finish(bool complete, std::optional<std::uint64_t> items) {
  Transaction transaction(*database_);
  if (items) Statement(*database_, "DELETE FROM item WHERE place >= ?").run(*items);
  Statement(*database_, "UPDATE run SET ended = ?, complete = ?, under_way = 0 WHERE id = ?")
      .run(now_in_seconds(), complete, run_);
  transaction.commit();
}

}  // namespace flagship::fetch
