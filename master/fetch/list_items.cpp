// SPDX-License-Identifier: MIT
#include "master/fetch/list_items.hpp"

#include <fmt/format.h>

#include <charconv>
#include <stdexcept>

#include "master/fetch/names.hpp"
#include "worker/fetch/text.hpp"

namespace flagship::fetch {
namespace {

constexpr std::size_t kLongestUrl = 64 * 1024;
constexpr const char* kLine = "line";

bool is_web_url(std::string_view text) {
  const std::string scheme = lower(text.substr(0, 8));
  const bool http = scheme.starts_with("http://") && text.size() > 7;
  const bool https = scheme.starts_with("https://") && text.size() > 8;
  return (http || https) && text.find_first_of(" \t\n") == std::string_view::npos &&
         text.size() < kLongestUrl;
}

}  // namespace

std::optional<std::string> sha256_of_hex(std::string_view text) {
  if (text.size() != 64) return std::nullopt;
  std::string digest;
  for (std::size_t i = 0; i < text.size(); i += 2) {
    unsigned byte = 0;
    const char* const end = text.data() + i + 2;
    const auto [rest, error] = std::from_chars(text.data() + i, end, byte, 16);
    if (error != std::errc() || rest != end) return std::nullopt;
    digest += static_cast<char>(byte);
  }
  return digest;
}

ListItems::ListItems(List list) : list_(std::move(list)), kind_(format_of(list_.path).kind) {
  const bool lines = kind_ == ListKind::lines;
  if (!list_.key.empty()) key_ = look_for(list_.key, "--key");
  if (list_.url_template.empty()) {
    url_ = look_for(!list_.url.empty() ? list_.url : lines ? kLine : "url", "--url");
  } else {
    url_pattern_.emplace(list_.url_template);
    look_for_places(*url_pattern_, "--template", false);
  }
  if (!list_.checksum.empty()) checksum_ = look_for(list_.checksum, "--checksum");
  if (!list_.name_template.empty()) {
    name_pattern_.emplace(list_.name_template);
    look_for_places(*name_pattern_, "--name", true);
  }
  if (!key_ && !lines) key_ = look_for("key", "");
}

std::size_t ListItems::look_for(const std::string& name, const std::string& wanted_by) {
  if (kind_ == ListKind::lines && name != kLine)
    throw std::invalid_argument(
        fmt::format("{}: there is no column '{}'; a text file has one, which is called '{}'",
                    wanted_by, name, kLine));
  const auto [at, fresh] = index_.try_emplace(name, columns_.size());
  if (fresh) columns_.push_back({name, wanted_by});
  if (!wanted_by.empty()) columns_[at->second].wanted_by = wanted_by;
  return at->second;
}

// {key} is the column of keys, whatever that is called; of names also what else the key may be.
void ListItems::look_for_places(const Pattern& pattern, const char* option, bool of_names) {
  for (const std::string& place : pattern.places()) {
    if (of_names && (place == "key" || place == "ext")) continue;
    if (place == "key" && key_) continue;
    look_for(place, option);
  }
}

std::string ListItems::at(const Row& row, const std::string& column) const {
  const auto found = index_.find(column);
  const std::size_t index = found == index_.end() ? *key_ : found->second;
  return std::string(trimmed(row.values[index].value_or("")));
}

std::string ListItems::url_of(const Row& row) const {
  if (url_) return std::string(trimmed(row.values[*url_].value_or("")));
  return url_pattern_->fill([&](const std::string& place, bool first) {
    const std::string value = at(row, place);
    return first ? value : percent_encoded(value);  // first is the scheme, and more
  });
}

std::string ListItems::key_of(const Row& row, const std::string& url) const {
  std::string key;
  if (key_ && row.values[*key_]) key = trimmed(*row.values[*key_]);
  if (key.empty()) key = stem_of(url);
  return key.empty() ? "index" : key;
}

std::string ListItems::wished_name(const Row& row, const Item& item) const {
  return name_pattern_->fill([&](const std::string& place, bool) {
    return place == "key" ? item.key : place == "ext" ? extension_of(item.url) : at(row, place);
  });
}

Item ListItems::item_of(Row&& row) const {
  Item item;
  const std::string where = list_.name() + ":" + std::to_string(row.number) + " ";
  item.key = "line " + std::to_string(row.number);
  if (!row.trouble.empty() && row.values.empty()) {
    item.trouble = where + row.trouble;
    return item;
  }
  item.url = url_of(row);
  if (!row.trouble.empty() || !is_web_url(item.url)) {
    item.trouble = where + (!row.trouble.empty() ? row.trouble
                            : url_pattern_       ? "makes no http or https URL"
                                                 : "holds no http or https URL");
    return item;
  }
  if (checksum_) {
    const auto digest = sha256_of_hex(trimmed(row.values[*checksum_].value_or("")));
    if (!digest) {
      item.trouble =
          fmt::format("{}has no SHA-256 of 64 hexadecimal digits in '{}'", where, list_.checksum);
      return item;
    }
    item.expected_sha256 = *digest;
  }
  item.key = key_of(row, item.url);
  if (name_pattern_) item.name = wished_name(row, item);
  return item;
}

}  // namespace flagship::fetch
