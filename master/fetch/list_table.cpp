// SPDX-License-Identifier: MIT
// CSV and TSV.
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <utility>

#include "master/fetch/list_rows.hpp"
#include "worker/fetch/text.hpp"

namespace flagship::fetch {
namespace {

constexpr std::size_t kLongestRecord = 1024 * 1024;
constexpr std::size_t kMostValues = 10'000;
constexpr std::size_t kShown = 500;

bool same_in_any_case(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](unsigned char x, unsigned char y) {
    return std::tolower(x) == std::tolower(y);
  });
}

/// As it is written, or else in other letters.
std::optional<std::size_t> find_name(const std::vector<std::string>& names, std::string_view name) {
  auto found = std::find(names.begin(), names.end(), name);
  if (found == names.end())
    found = std::find_if(names.begin(), names.end(), [name](const std::string& other) {
      return same_in_any_case(other, name);
    });
  if (found == names.end()) return std::nullopt;
  return static_cast<std::size_t>(found - names.begin());
}

}  // namespace

TableParser::TableParser(char delimiter, std::vector<Column> columns)
    : delimiter_(delimiter), columns_(std::move(columns)) {}

void TableParser::add(std::string_view bytes, std::deque<Row>& rows) {
  for (const char c : bytes) take(c, rows);
}

void TableParser::finish(std::deque<Row>& rows) {
  if (state_ == State::quoted) trouble_ = "begins a value in quotes that never ends";
  if (state_ != State::at_start || !ends_.empty() || !trouble_.empty()) end_record(rows);
}

// The state of a value. A record that is too long, or wrong, is over at the next end of a line, so
// that a quote too many does not cost the whole list.
void TableParser::take(char c, std::deque<Row>& rows) {
  const bool line_ends = c == '\n';
  if (state_ == State::quoted) {
    if (line_ends) ++line_;
    if (c == '"')
      state_ = State::after_quote;
    else
      keep(c);
    return;
  }
  if (line_ends) return end_record(rows);
  if (state_ == State::skipping) return;
  if (c == delimiter_) return end_value();
  if (c == '"' && state_ == State::at_start) {
    state_ = State::quoted;
  } else if (c == '"' && state_ == State::after_quote) {
    state_ = State::quoted;
    keep(c);
  } else if (state_ == State::after_quote && c != '\r') {
    trouble_ = "goes on behind a value in quotes";
    state_ = State::skipping;
  } else if (state_ != State::after_quote) {
    state_ = State::plain;
    keep(c);
  }
}

void TableParser::keep(char c) {
  if (text_.size() < kLongestRecord) {
    text_ += c;
    return;
  }
  trouble_ = "is longer than 1 MiB";
  state_ = State::skipping;
}

void TableParser::end_value() {
  ends_.push_back(text_.size());
  state_ = State::at_start;
  if (ends_.size() <= kMostValues) return;
  trouble_ = "has more than 10000 values";
  state_ = State::skipping;
}

void TableParser::end_record(std::deque<Row>& rows) {
  if (state_ == State::plain && text_.back() == '\r') text_.pop_back();  // of the line's end
  const bool blank = ends_.empty() && text_.empty() && state_ != State::after_quote;
  if (trouble_.empty() && !blank) ends_.push_back(text_.size());
  if (!trouble_.empty())
    rows.push_back({begun_,
                    {},
                    named_ ? trouble_ : "--from: the line that names the columns " + trouble_,
                    !named_});
  else if (!blank && named_)
    rows.push_back(row());
  else if (!blank)
    if (Row first = heading(); first.fatal) rows.push_back(std::move(first));
  state_ = State::at_start;
  begun_ = ++line_;
  text_.clear();
  ends_.clear();
  trouble_.clear();
}

std::string TableParser::value(std::size_t index) const {
  const std::size_t begin = index == 0 ? 0 : ends_[index - 1];
  return text_.substr(begin, ends_[index] - begin);
}

Row TableParser::heading() {
  std::vector<std::string> names;
  std::string listed;
  for (std::size_t i = 0; i < ends_.size(); ++i) {
    names.emplace_back(trimmed(value(i)));
    listed += (i == 0 ? "" : ", ") + names.back();
  }
  named_ = names.size();
  for (const Column& column : columns_) {
    where_.push_back(find_name(names, column.name));
    if (!where_.back() && !column.wanted_by.empty())
      return {begun_,
              {},
              fmt::format("{}: there is no column '{}'; there are: {}", column.wanted_by,
                          column.name, printable(listed, kShown)),
              true};
    if (where_.back() && std::count(names.begin(), names.end(), names[*where_.back()]) > 1)
      return {begun_,
              {},
              fmt::format("--from: two columns are called '{}'",
                          printable(names[*where_.back()], kShown)),
              true};
  }
  return {};
}

Row TableParser::row() {
  Row row{begun_};
  if (ends_.size() != *named_) {
    row.trouble =
        fmt::format("has {} value{}, where the first line names {} column{}", ends_.size(),
                    ends_.size() == 1 ? "" : "s", *named_, *named_ == 1 ? "" : "s");
    return row;
  }
  for (const auto& index : where_)
    row.values.push_back(index ? std::optional(value(*index)) : std::nullopt);
  return row;
}

}  // namespace flagship::fetch
