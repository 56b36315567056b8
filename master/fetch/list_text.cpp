// SPDX-License-Identifier: MIT
#include "master/fetch/list_text.hpp"

#include <algorithm>

namespace flagship::fetch {
namespace {

constexpr std::string_view kMark = "\xEF\xBB\xBF";
constexpr std::size_t kPiece = 64 * 1024;

}  // namespace

ListText::ListText(ListFormat format, std::vector<Column> columns)
    : parser_(make_row_parser(format.kind, std::move(columns))) {
  if (format.gzip) inflater_.emplace();
}

bool ListText::add(std::string_view bytes, const Take& take) {
  if (inflater_)
    return inflater_->add(bytes, [&](std::string_view text) { return add_text(text, take); });
  for (; !bytes.empty(); bytes.remove_prefix(std::min(kPiece, bytes.size())))
    if (!add_text(bytes.substr(0, kPiece), take)) return false;
  return true;
}

// What was read before the trouble is handed on all the same.
bool ListText::finish(const Take& take) {
  if (marked_) parser_->add(kMark.substr(0, mark_), rows_);
  parser_->finish(rows_);
  if (!take(rows_)) return false;
  if (inflater_) inflater_->finish();
  return true;
}

bool ListText::add_text(std::string_view text, const Take& take) {
  text = without_mark(text);
  parser_->add(text, rows_);
  return take(rows_);
}

// The mark may come in pieces.
std::string_view ListText::without_mark(std::string_view text) {
  while (marked_ && !text.empty()) {
    if (text.front() != kMark[mark_]) {
      parser_->add(kMark.substr(0, mark_), rows_);
      marked_ = false;
      break;
    }
    text.remove_prefix(1);
    marked_ = ++mark_ < kMark.size();
  }
  return text;
}

}  // namespace flagship::fetch
