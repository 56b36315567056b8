// SPDX-License-Identifier: MIT
#include "worker/fetch/media_type.hpp"

#include <algorithm>

#include "worker/fetch/text.hpp"

namespace flagship::fetch {
namespace {

using namespace std::string_view_literals;

struct Magic {
  std::size_t offset;
  std::string_view bytes;
  std::string_view type;
  std::string_view also = {};  // other types that begin so, separated by blanks
};

constexpr std::string_view kManyFormats =
    "application/* audio/* chemical/* font/* model/* x-epoc/* binary/*";

constexpr Magic kMagic[] = {
    {0, "GIF87a"sv, "image/gif"},
    {0, "GIF89a"sv, "image/gif"},
    {0, "\x89PNG\r\n\x1a\n"sv, "image/png", "image/apng image/vnd.mozilla.apng"},
    {0, "\xff\xd8\xff"sv, "image/jpeg", "image/jpg image/pjpeg image/jpe"},
    {8, "WEBP"sv, "image/webp"},  // behind "RIFF"
    {4, "ftypavif"sv, "image/avif"},
    {0, "II*\0"sv, "image/tiff", "image/* application/*"},  // raw images of many cameras
    {0, "MM\0*"sv, "image/tiff", "image/* application/*"},
    {0, "%PDF-"sv, "application/pdf", "application/*"},
    {0, "PK\x03\x04"sv, "application/zip", kManyFormats},
    {0, "\x1f\x8b\x08"sv, "application/gzip", kManyFormats},
    {0, "7z\xbc\xaf\x27\x1c"sv, "application/x-7z-compressed", "application/*"},
    {0, "\x7f\x45LF"sv, "application/x-executable", "application/*"},
};

std::string_view without_blanks_before(std::string_view text) {
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  const auto first = text.find_first_not_of(" \t\r\n");
  return first == std::string_view::npos ? std::string_view() : text.substr(first);
}

bool begins_with_word(std::string_view text, std::string_view word) {
  return text.size() >= word.size() && same_word(text.substr(0, word.size()), word);
}

Magic markup(std::string_view first) {
  const std::string_view text = without_blanks_before(first);
  if (begins_with_word(text, "<!doctype html") || begins_with_word(text, "<html"))
    return {0, {}, "text/html", "application/xhtml+xml"};
  const bool xml = text.starts_with("<?xml") || text.starts_with("<svg") ||
                   begins_with_word(text, "<!doctype svg");
  if (xml && text.find("<svg") != std::string_view::npos)
    return {0, {}, "image/svg+xml", "image/svg text/xml application/xml"};
  return {0, {}, {}};
}

Magic magic_of(std::string_view first) {
  for (const Magic& magic : kMagic) {
    if (first.size() < magic.offset + magic.bytes.size()) continue;
    if (first.substr(magic.offset, magic.bytes.size()) != magic.bytes) continue;
    if (magic.type == "image/webp" && !first.starts_with("RIFF")) continue;
    return magic;
  }
  return markup(first);
}

bool same_part(std::string_view a, std::string_view b) { return a == "*" || b == "*" || a == b; }

bool overlap(std::string_view a, std::string_view b) {
  const auto in_a = a.find('/');
  const auto in_b = b.find('/');
  if (in_a == std::string_view::npos || in_b == std::string_view::npos) return false;
  return same_part(a.substr(0, in_a), b.substr(0, in_b)) &&
         same_part(a.substr(in_a + 1), b.substr(in_b + 1));
}

bool is_type_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
         "!#$&^_.+-"sv.find(c) != std::string_view::npos;
}

bool is_part(std::string_view text) {
  return text == "*" || (!text.empty() && std::all_of(text.begin(), text.end(), is_type_char));
}

}  // namespace

bool is_type_pattern(std::string_view text) {
  const auto slash = text.find('/');
  if (slash == std::string_view::npos) return false;
  const auto main = text.substr(0, slash);
  const auto sub = text.substr(slash + 1);
  return is_part(main) && is_part(sub) && (main != "*" || sub == "*");
}

bool accepts(std::span<const std::string> accepted, std::string_view type) {
  return std::any_of(accepted.begin(), accepted.end(),
                     [type](const std::string& pattern) { return overlap(pattern, type); });
}

std::string_view type_by_content(std::string_view first) { return magic_of(first).type; }

bool content_contradicts(std::span<const std::string> accepted, std::string_view first) {
  const Magic magic = magic_of(first);
  if (magic.type.empty() || accepts(accepted, magic.type)) return false;
  for (std::string_view rest = magic.also; !rest.empty();) {
    const auto blank = std::min(rest.find(' '), rest.size());
    if (accepts(accepted, rest.substr(0, blank))) return false;
    rest.remove_prefix(std::min(blank + 1, rest.size()));
  }
  return true;
}

}  // namespace flagship::fetch
