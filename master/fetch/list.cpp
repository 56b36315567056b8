// SPDX-License-Identifier: MIT
#include "master/fetch/list.hpp"

#include <cctype>

namespace flagship::fetch {
namespace {

bool ends_with_word(std::string_view path, std::string_view ending) {
  if (path.size() < ending.size()) return false;
  path.remove_prefix(path.size() - ending.size());
  for (std::size_t i = 0; i < ending.size(); ++i)
    if (std::tolower(static_cast<unsigned char>(path[i])) != ending[i]) return false;
  return true;
}

}  // namespace

ListFormat format_of(std::string_view path) {
  ListFormat format;
  format.gzip = ends_with_word(path, ".gz");
  if (format.gzip) path.remove_suffix(3);
  if (ends_with_word(path, ".csv")) format.kind = ListKind::commas;
  if (ends_with_word(path, ".tsv")) format.kind = ListKind::tabs;
  if (ends_with_word(path, ".jsonl")) format.kind = ListKind::objects;
  return format;
}

bool is_list(std::string_view path) {
  const ListFormat format = format_of(path);
  if (format.gzip) path.remove_suffix(3);
  return format.kind != ListKind::lines || ends_with_word(path, ".txt");
}

std::size_t Row::bytes() const {
  std::size_t bytes = sizeof *this + trouble.size();
  for (const auto& value : values) bytes += sizeof value + (value ? value->size() : 0);
  return bytes;
}

}  // namespace flagship::fetch
