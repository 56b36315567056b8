// SPDX-License-Identifier: MIT
// The text of a list, piece by piece, into rows: one parser a kind of list.
#pragma once

#include <cstddef>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "master/fetch/list.hpp"
#include "master/fetch/list_lines.hpp"

namespace flagship::fetch {

class RowParser {
 public:
  virtual ~RowParser() = default;
  /// Appends the rows that end in `bytes`.
  virtual void add(std::string_view bytes, std::deque<Row>& rows) = 0;
  /// Appends the last row, if it had no end.
  virtual void finish(std::deque<Row>& rows) = 0;
};

/// A line each, of which "line" is the only column. Lines that begin with # are comments.
class LineParser final : public RowParser {
 public:
  explicit LineParser(std::size_t columns);
  void add(std::string_view bytes, std::deque<Row>& rows) override;
  void finish(std::deque<Row>& rows) override;

 private:
  void take(std::deque<Row>& rows);

  const std::size_t columns_;
  LineSplitter splitter_;
  std::deque<Line> lines_;
};

/// An object of JSON a line.
class ObjectParser final : public RowParser {
 public:
  explicit ObjectParser(std::vector<Column> columns);
  void add(std::string_view bytes, std::deque<Row>& rows) override;
  void finish(std::deque<Row>& rows) override;

 private:
  void take(std::deque<Row>& rows);
  Row row_of(const Line& line) const;

  const std::vector<Column> columns_;
  LineSplitter splitter_;
  std::deque<Line> lines_;
};

/// Values with a delimiter between them, in quotes where they hold one, a quote or a line's end
/// (RFC 4180). The first row names the columns.
class TableParser final : public RowParser {
 public:
  TableParser(char delimiter, std::vector<Column> columns);
  void add(std::string_view bytes, std::deque<Row>& rows) override;
  void finish(std::deque<Row>& rows) override;

 private:
  enum class State { at_start, plain, quoted, after_quote, skipping };

  void take(char c, std::deque<Row>& rows);
  void keep(char c);
  void end_value();
  void end_record(std::deque<Row>& rows);
  Row heading();
  Row row();
  std::string value(std::size_t index) const;

  const char delimiter_;
  const std::vector<Column> columns_;
  std::optional<std::size_t> named_;               // columns that the first row named
  std::vector<std::optional<std::size_t>> where_;  // each of `columns_` is among them

  State state_ = State::at_start;
  std::size_t line_ = 1;
  std::size_t begun_ = 1;          // the line that the record began on
  std::string text_;               // its values, one behind the other
  std::vector<std::size_t> ends_;  // of each in `text_`
  std::string trouble_;
};

/// Blanks at both ends of a value are no part of it where it matters to be exact.
std::unique_ptr<RowParser> make_row_parser(ListKind kind, std::vector<Column> columns);

}  // namespace flagship::fetch
