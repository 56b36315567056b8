// SPDX-License-Identifier: MIT
#include "master/fetch/list_rows.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "worker/fetch/text.hpp"

namespace flagship::fetch {
namespace {

constexpr std::size_t kLongestLine = 64 * 1024;      // of a text file: what is longer is no URL
constexpr std::size_t kLongestObject = 1024 * 1024;  // there may be more in it than is asked for

/// What a member of an object says, when that is something that can be put into a text.
std::optional<std::string> text_of(const nlohmann::json& value) {
  if (value.is_string()) return value.get_ref<const std::string&>();
  if (value.is_number() || value.is_boolean()) return value.dump();
  return std::nullopt;
}

}  // namespace

LineParser::LineParser(std::size_t columns) : columns_(columns), splitter_(kLongestLine) {}

void LineParser::add(std::string_view bytes, std::deque<Row>& rows) {
  splitter_.add(bytes, lines_);
  take(rows);
}

void LineParser::finish(std::deque<Row>& rows) {
  splitter_.finish(lines_);
  take(rows);
}

void LineParser::take(std::deque<Row>& rows) {
  for (Line& line : lines_) {
    const std::string_view text = trimmed(line.text);
    if (text.empty() || text.front() == '#') continue;
    Row row{line.number};
    if (line.text.size() > kLongestLine) row.trouble = "is longer than 64 KiB";
    row.values.assign(columns_, std::string(text));
    rows.push_back(std::move(row));
  }
  lines_.clear();
}

ObjectParser::ObjectParser(std::vector<Column> columns)
    : columns_(std::move(columns)), splitter_(kLongestObject) {}

void ObjectParser::add(std::string_view bytes, std::deque<Row>& rows) {
  splitter_.add(bytes, lines_);
  take(rows);
}

void ObjectParser::finish(std::deque<Row>& rows) {
  splitter_.finish(lines_);
  take(rows);
}

void ObjectParser::take(std::deque<Row>& rows) {
  for (const Line& line : lines_)
    if (!trimmed(line.text).empty()) rows.push_back(row_of(line));
  lines_.clear();
}

Row ObjectParser::row_of(const Line& line) const {
  Row row{line.number};
  if (line.text.size() > kLongestObject) {
    row.trouble = "is longer than 1 MiB";
    return row;
  }
  const nlohmann::json object = nlohmann::json::parse(line.text, nullptr, false);
  if (!object.is_object()) {
    row.trouble = "is no JSON object";
    return row;
  }
  for (const Column& column : columns_) {
    const auto member = object.find(column.name);
    const bool absent = member == object.end() || member->is_null();
    row.values.push_back(absent ? std::nullopt : text_of(*member));
    if (row.values.back() || !row.trouble.empty()) continue;
    if (!absent)
      row.trouble = fmt::format("has a '{}' that is no text", column.name);
    else if (!column.wanted_by.empty())
      row.trouble = fmt::format("has no '{}'", column.name);
  }
  return row;
}

std::unique_ptr<RowParser> make_row_parser(ListKind kind, std::vector<Column> columns) {
  switch (kind) {
    case ListKind::commas:
      return std::make_unique<TableParser>(',', std::move(columns));
    case ListKind::tabs:
      return std::make_unique<TableParser>('\t', std::move(columns));
    case ListKind::objects:
      return std::make_unique<ObjectParser>(std::move(columns));
    case ListKind::lines:
      break;
  }
  return std::make_unique<LineParser>(columns.size());
}

}  // namespace flagship::fetch
