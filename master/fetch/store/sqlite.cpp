// SPDX-License-Identifier: MIT
#include "master/fetch/store/sqlite.hpp"

#include <sqlite3.h>

#include <cstring>

namespace flagship::fetch {
namespace {

constexpr int kPatienceMs = 5000;  // with another program that holds the database locked

std::string why(sqlite3* connection) {
  switch (sqlite3_errcode(connection)) {
    case SQLITE_FULL:
      return "the disk is full";
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return "another program holds it locked";
    case SQLITE_NOTADB:
    case SQLITE_CORRUPT:
      return "it is damaged, or no record of flagship; move it away to begin anew";
    case SQLITE_READONLY:
      return "it is read-only";
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
      if (const int error = sqlite3_system_errno(connection); error != 0)
        return std::strerror(error);
      break;
    default:
      break;
  }
  return sqlite3_errmsg(connection);
}

}  // namespace

void Database::Close::operator()(sqlite3* connection) const { sqlite3_close_v2(connection); }

Database::Database(const std::filesystem::path& file) : file_(file) {
  sqlite3* connection = nullptr;
  const int code = sqlite3_open_v2(file.c_str(), &connection,
                                   SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr);
  connection_.reset(connection);
  if (connection == nullptr) throw RecordError("no memory for the record '" + file.string() + "'");
  if (code != SQLITE_OK) fail();
  sqlite3_busy_timeout(connection, kPatienceMs);
}

void Database::run(const char* sql) {
  if (sqlite3_exec(get(), sql, nullptr, nullptr, nullptr) != SQLITE_OK) fail();
}

std::optional<std::int64_t> Database::integer(const char* sql) {
  Statement statement(*this, sql);
  if (!statement.step() || statement.is_null(0)) return std::nullopt;
  return statement.integer(0);
}

void Database::fail() {
  throw RecordError("cannot use the record '" + file_.string() + "': " + why(get()));
}

void Statement::Finalize::operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }

Statement::Statement(Database& database, std::string_view sql) : database_(database) {
  sqlite3_stmt* statement = nullptr;
  const int code = sqlite3_prepare_v3(database.get(), sql.data(), static_cast<int>(sql.size()),
                                      SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
  statement_.reset(statement);
  if (code != SQLITE_OK) database.fail();
}

bool Statement::step() {
  const int code = sqlite3_step(statement_.get());
  if (code == SQLITE_ROW) return true;
  if (code != SQLITE_DONE) database_.fail();
  reset();
  return false;
}

void Statement::reset() { sqlite3_reset(statement_.get()); }

bool Statement::is_null(int column) const {
  return sqlite3_column_type(statement_.get(), column) == SQLITE_NULL;
}

std::int64_t Statement::integer(int column) const {
  return sqlite3_column_int64(statement_.get(), column);
}

double Statement::real(int column) const { return sqlite3_column_double(statement_.get(), column); }

std::string Statement::text(int column) const {
  const auto* bytes = static_cast<const char*>(sqlite3_column_blob(statement_.get(), column));
  const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), column));
  return bytes == nullptr ? std::string() : std::string(bytes, size);
}

void Statement::bind_null(int at) { sqlite3_bind_null(statement_.get(), at); }

void Statement::bind_integer(int at, std::int64_t value) {
  sqlite3_bind_int64(statement_.get(), at, value);
}

void Statement::bind(int at, double value) { sqlite3_bind_double(statement_.get(), at, value); }

void Statement::bind(int at, std::string_view value) {
  const char* const bytes = value.data() == nullptr ? "" : value.data();
  if (sqlite3_bind_text64(statement_.get(), at, bytes, value.size(), SQLITE_STATIC, SQLITE_UTF8) !=
      SQLITE_OK)
    database_.fail();
}

Transaction::Transaction(Database& database) : database_(database) {
  database_.run("BEGIN IMMEDIATE");
}

Transaction::~Transaction() {
  if (open_) sqlite3_exec(database_.get(), "ROLLBACK", nullptr, nullptr, nullptr);
}

void Transaction::commit() {
  database_.run("COMMIT");
  open_ = false;
}

}  // namespace flagship::fetch
