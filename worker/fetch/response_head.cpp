// SPDX-License-Identifier: MIT
#include "worker/fetch/response_head.hpp"

#include "worker/fetch/text.hpp"

namespace flagship::fetch {
namespace {

constexpr std::size_t kMaxPhrase = 80;
constexpr std::size_t kMaxType = 127;
constexpr std::size_t kMaxValue = 1024;

bool ends_head(std::string_view line) { return line == "\r\n" || line == "\n"; }

std::string media_type_of(std::string_view value) {
  return lower(printable(trimmed(value.substr(0, value.find(';'))), kMaxType));
}

}  // namespace

void ResponseHead::clear() {
  part_ = Part::status_line;
  bytes_ = 0;
  forget_message();
}

void ResponseHead::forget_message() {
  status_ = 0;
  http2_ = encoded_ = framing_field_before_ = false;
  content_length_.reset();
  phrase_.clear(), media_type_.clear(), location_.clear(), retry_after_.clear(), fault_.clear();
  etag_.clear(), last_modified_.clear(), date_.clear(), content_range_.clear();
  content_encoding_.clear(), robots_tag_.clear();
}

void ResponseHead::add(std::string_view line) {
  bytes_ += line.size();
  if (part_ == Part::body) return;
  if (part_ == Part::status_line) return status_line(line);
  if (ends_head(line)) return end_of_fields();
  field(line);
}

// "HTTP/1.1 418 I'm a Teapot"
void ResponseHead::status_line(std::string_view line) {
  forget_message();
  part_ = Part::fields;
  const auto blank = line.find(' ');
  const std::string_view rest = blank == std::string_view::npos ? "" : trimmed(line.substr(blank));
  const auto code = digits(rest.substr(0, 3));
  const bool ends_there = rest.size() == 3 || (rest.size() > 3 && rest[3] == ' ');
  if (!code || *code < 100 || !ends_there) {
    fault_ = "the answer does not begin with an HTTP status line";
    return;
  }
  status_ = static_cast<unsigned>(*code);
  http2_ = line.starts_with("HTTP/2");
  phrase_ = printable(trimmed(rest.substr(3)), kMaxPhrase);
}

void ResponseHead::end_of_fields() {
  const bool interim = status_ >= 100 && status_ < 200 && status_ != 101;
  part_ = interim ? Part::status_line : Part::body;
}

void ResponseHead::field(std::string_view line) {
  // A continuation line: libcurl takes the value without it, others with it.
  if (line.front() == ' ' || line.front() == '\t') {
    if (framing_field_before_) fault_ = "a Content-Length or Transfer-Encoding in two lines";
    return;
  }
  framing_field_before_ = false;
  const auto colon = line.find(':');
  if (colon == std::string_view::npos) return;
  const std::string_view name = trimmed(line.substr(0, colon));
  const std::string_view value = trimmed(line.substr(colon + 1));
  if (same_word(name, "content-length")) {
    if (name.size() != colon) fault_ = "a malformed Content-Length";
    length(value);
  } else if (same_word(name, "transfer-encoding")) {
    framing_field_before_ = encoded_ = true;
    if (name.size() != colon) fault_ = "a malformed Transfer-Encoding";
  } else if (same_word(name, "content-type")) {
    media_type_ = media_type_of(value);
  } else if (same_word(name, "location") && location_.empty()) {
    location_ = value;
  } else if (same_word(name, "retry-after")) {
    retry_after_ = value;
  } else {
    other_field(name, value);
  }
}

std::string* ResponseHead::place_of(std::string_view name) {
  switch (name.size()) {
    case 4:
      return same_word(name, "etag") ? &etag_ : same_word(name, "date") ? &date_ : nullptr;
    case 13:
      return same_word(name, "last-modified")   ? &last_modified_
             : same_word(name, "content-range") ? &content_range_
                                                : nullptr;
    case 16:
      return same_word(name, "content-encoding") ? &content_encoding_ : nullptr;
    default:
      return nullptr;
  }
}

void ResponseHead::other_field(std::string_view name, std::string_view value) {
  if (same_word(name, "x-robots-tag")) return robots(value);
  std::string* const kept = place_of(name);
  if (kept == nullptr || value.size() > kMaxValue || !is_plain(value)) return;
  if (kept != &content_encoding_) {
    *kept = value;
    return;
  }
  if (!content_encoding_.empty()) content_encoding_ += ',';
  content_encoding_ += lower(value);
}

// Each line is for the robots that it names, or for all.
void ResponseHead::robots(std::string_view value) {
  if (!robots_tag_.empty()) robots_tag_ += '\n';
  robots_tag_ += printable(value, kMaxValue);
}

void ResponseHead::length(std::string_view value) {
  framing_field_before_ = true;
  const auto count = digits(value);
  if (!count) {
    fault_ = "a Content-Length that is no number";
  } else if (content_length_ && *content_length_ != *count) {
    fault_ = "two different Content-Lengths";
  }
  content_length_ = count;
}

}  // namespace flagship::fetch
