// SPDX-License-Identifier: MIT
// SQLite as this room uses it. The only header that names its types.
#pragma once

#include <concepts>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

struct sqlite3;
struct sqlite3_stmt;

namespace flagship::fetch {

/// A record that cannot be used, and why, in a sentence.
class RecordError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// A connection to a database. One thread at a time.
class Database {
 public:
  /// The file is there; an empty one is an empty database. Throws RecordError, as everything here
  /// does.
  explicit Database(const std::filesystem::path& file);

  /// Any number of statements that take no values.
  void run(const char* sql);
  /// The first column of the first row; nothing: there is no row, or it is null.
  std::optional<std::int64_t> integer(const char* sql);

  [[noreturn]] void fail();
  sqlite3* get() const { return connection_.get(); }

 private:
  struct Close {
    void operator()(sqlite3* connection) const;
  };
  const std::filesystem::path file_;
  std::unique_ptr<sqlite3, Close> connection_;
};

/// A statement, prepared once and run as often as wanted. Must not outlive its database. Texts are
/// bytes: what users and servers write need not be UTF-8.
class Statement {
 public:
  Statement(Database& database, std::string_view sql);

  /// Runs it to its end with these values.
  template <class... Values>
  void run(const Values&... values) {
    start(values...);
    while (step()) continue;
  }
  /// Texts must last until it is started again or reset: they are not copied.
  template <class... Values>
  void start(const Values&... values) {
    reset();
    int at = 0;
    (bind(++at, values), ...);
  }
  /// Goes to the next row; false: there is none, and the statement may be started again.
  bool step();
  void reset();

  bool is_null(int column) const;
  std::int64_t integer(int column) const;
  double real(int column) const;
  std::string text(int column) const;

 private:
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const;
  };
  void bind_null(int at);
  void bind_integer(int at, std::int64_t value);
  void bind(int at, double value);
  void bind(int at, std::string_view value);
  template <std::integral Integer>
  void bind(int at, Integer value) {
    bind_integer(at, static_cast<std::int64_t>(value));
  }
  template <class Value>
  void bind(int at, const std::optional<Value>& value) {
    value ? bind(at, *value) : bind_null(at);
  }

  Database& database_;
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

/// All of what happens between construction and `commit`, or nothing of it.
class Transaction {
 public:
  explicit Transaction(Database& database);
  ~Transaction();
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  void commit();

 private:
  Database& database_;
  bool open_ = true;
};

}  // namespace flagship::fetch
