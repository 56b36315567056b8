// SPDX-License-Identifier: MIT
#include "master/pool/io/lines.hpp"

namespace flagship::pool {

std::string left_out(std::size_t bytes) {
  return "... " + std::to_string(bytes) + (bytes == 1 ? " byte" : " bytes") + " left out";
}

void LineCutter::add(std::string_view bytes, std::string& lines) {
  if (const std::size_t end = bytes.find('\n'); end != std::string_view::npos) {
    keep(bytes.substr(0, end));
    finish(lines);
    bytes.remove_prefix(end + 1);
    const std::size_t whole = bytes.rfind('\n') + 1;  // 0: none
    lines += bytes.substr(0, whole);
    bytes.remove_prefix(whole);
  }
  keep(bytes);
}

void LineCutter::end(std::string& lines) {
  if (!unfinished_.empty()) finish(lines);
}

void LineCutter::keep(std::string_view part) {
  const std::size_t room = kLongest - unfinished_.size();
  unfinished_ += part.substr(0, room);
  if (part.size() > room) left_out_ += part.size() - room;
}

void LineCutter::finish(std::string& lines) {
  lines += unfinished_;
  if (left_out_ > 0) lines += " " + left_out(left_out_);
  lines += '\n';
  unfinished_.clear();
  left_out_ = 0;
}

void Tail::add(std::string_view lines) {
  constexpr std::size_t kWithEnd = kMostBytes + 1;
  if (lines.size() > kWithEnd) lines.remove_prefix(lines.size() - kWithEnd);
  kept_ += lines;
  if (kept_.size() > 4 * kWithEnd) kept_.erase(0, kept_.size() - kWithEnd);
}

std::string Tail::text() const {
  std::string_view text = kept_;
  if (text.ends_with('\n')) text.remove_suffix(1);
  if (text.size() > kMostBytes) {
    text.remove_prefix(text.size() - kMostBytes);
    text.remove_prefix(text.find('\n') + 1);  // the rest of a line; none: it is one long line
  }
  std::size_t begin = text.size();
  for (std::size_t line = 0; line < kMostLines; ++line) {
    begin = begin == 0 ? std::string_view::npos : text.rfind('\n', begin - 1);
    if (begin == std::string_view::npos) return std::string(text);
  }
  return std::string(text.substr(begin + 1));
}

}  // namespace flagship::pool
