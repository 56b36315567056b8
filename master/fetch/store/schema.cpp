// SPDX-License-Identifier: MIT
#include "master/fetch/store/schema.hpp"

#include <fmt/format.h>

#include <string>

namespace flagship::fetch {
namespace {

constexpr std::int64_t kApplication = 0x464C4753;  // "FLGS"
constexpr std::int64_t kVersion = 1;               // of the tables; README.md describes them

constexpr const char* kTables = R"sql(
CREATE TABLE run (
  id INTEGER PRIMARY KEY,
  program TEXT NOT NULL,
  arguments TEXT NOT NULL,
  host TEXT NOT NULL,
  pid INTEGER NOT NULL,
  began REAL NOT NULL,
  resumed REAL,
  ended REAL,
  complete INTEGER NOT NULL DEFAULT 0,
  expected INTEGER,
  most_in_flight INTEGER NOT NULL,
  under_way INTEGER NOT NULL DEFAULT 0,
  ok INTEGER,
  not_found INTEGER,
  errors INTEGER,
  skipped INTEGER,
  bytes INTEGER
);
CREATE TABLE item (
  place INTEGER PRIMARY KEY,
  key TEXT NOT NULL,
  url TEXT NOT NULL,
  path TEXT,
  shard TEXT,
  outcome TEXT,
  class TEXT,
  reason TEXT,
  unfinished INTEGER NOT NULL DEFAULT 0,
  attempts INTEGER,
  status INTEGER,
  bytes INTEGER,
  sha256 TEXT,
  type TEXT,
  final_url TEXT,
  etag TEXT,
  last_modified TEXT,
  modified INTEGER,
  ms REAL,
  lookup_ms REAL,
  connect_ms REAL,
  tls_ms REAL,
  first_byte_ms REAL,
  host TEXT,
  worker INTEGER,
  pid INTEGER,
  ended REAL
);
CREATE TABLE attempt (
  place INTEGER NOT NULL,
  number INTEGER NOT NULL,
  class TEXT,
  reason TEXT,
  status INTEGER,
  ms REAL,
  host TEXT,
  worker INTEGER,
  pid INTEGER,
  ended REAL NOT NULL
);
CREATE INDEX attempt_of_item ON attempt (place);
CREATE TABLE file (
  path TEXT PRIMARY KEY,
  url TEXT NOT NULL,
  etag TEXT,
  last_modified TEXT,
  bytes INTEGER NOT NULL,
  sha256 TEXT,
  modified INTEGER NOT NULL,
  run INTEGER NOT NULL
) WITHOUT ROWID;
)sql";

[[noreturn]] void refuse(const std::filesystem::path& file, const std::string& why) {
  throw RecordError("cannot use the record '" + file.string() + "': " + why);
}

[[noreturn]] void refuse_without_run(const std::filesystem::path& folder) {
  throw RecordError("there is no run on record in '" + folder.string() + "'");
}

bool is_empty(Database& database) {
  return database.integer("SELECT count(*) FROM sqlite_schema") == 0;
}

void check(Database& database, const std::filesystem::path& file) {
  if (database.integer("PRAGMA application_id") != kApplication)
    refuse(file, "it is no record of flagship; move it away to begin anew");
  const std::int64_t version = database.integer("PRAGMA user_version").value_or(0);
  if (version != kVersion)
    refuse(file,
           fmt::format("it has version {}, this program knows version {}", version, kVersion));
}

void make_tables(Database& database) {
  Transaction transaction(database);
  if (!is_empty(database)) return;  // somebody was faster
  database.run(kTables);
  database.run(
      fmt::format("PRAGMA application_id = {}; PRAGMA user_version = {}", kApplication, kVersion)
          .c_str());
  transaction.commit();
}

}  // namespace

std::filesystem::path record_file(const std::filesystem::path& folder) {
  return folder / ".flagship.db";
}

bool has_record(const std::filesystem::path& folder) {
  std::error_code ignored;
  return std::filesystem::exists(record_file(folder), ignored);
}

Database open_record(const std::filesystem::path& folder, const RunLock&) {
  const auto file = record_file(folder);
  Database database(file);
  if (is_empty(database)) {
    database.run("PRAGMA journal_mode = WAL");
    make_tables(database);
  }
  check(database, file);
  return database;
}

// Not opened as read-only: the last one to close it then could not put the files beside it away.
Database open_record_to_read(const std::filesystem::path& folder) {
  const auto file = record_file(folder);
  if (!has_record(folder)) refuse_without_run(folder);
  Database database(file);
  database.run("PRAGMA query_only = 1");
  if (is_empty(database)) refuse_without_run(folder);  // it was killed before it could begin
  check(database, file);
  return database;
}

}  // namespace flagship::fetch
