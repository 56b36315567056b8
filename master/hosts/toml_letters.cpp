// SPDX-License-Identifier: MIT
#include "master/hosts/toml_letters.hpp"

#include <algorithm>

namespace flagship::hosts {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
// Behind anything else, quotes may be part of a value that is none.
constexpr std::string_view kBeforeQuotes = " \t\r\n,";

class Scan {
 public:
  explicit Scan(std::string_view toml) : rest_(toml) {}

  std::size_t line_of_stray_letter() {
    if (rest_.starts_with(kByteOrderMark)) rest_.remove_prefix(kByteOrderMark.size());
    while (!rest_.empty()) {
      const char c = rest_.front();
      if (static_cast<unsigned char>(c) > 127) return line_;
      judge(c);
      if (unsure_)
        skip(1);
      else if (c == '#')
        skip(std::min(rest_.find('\n'), rest_.size()));
      else if (is_quote(c))
        skip_text(c);
      else
        skip(1);
    }
    return 0;
  }

 private:
  static bool is_quote(char c) { return c == '"' || c == '\''; }

  // Quotes for several lines make the rest unsure; others at odd places what is left of their line.
  void judge(char c) {
    if (rest_.starts_with("\"\"\"") || rest_.starts_with("'''")) never_sure_ = true;
    const bool odd = is_quote(c) && kBeforeQuotes.find(before_) == std::string_view::npos;
    unsure_ = never_sure_ || odd || (unsure_ && c != '\n');
  }

  void skip(std::size_t bytes) {
    const std::string_view gone = rest_.substr(0, bytes);
    line_ += static_cast<std::size_t>(std::count(gone.begin(), gone.end(), '\n'));
    rest_.remove_prefix(gone.size());
    before_ = gone.back();
  }

  void skip_text(char quote) {
    for (skip(1); !rest_.empty() && rest_.front() != '\n';) {
      if (rest_.front() == quote) return skip(1);
      const bool escaped = quote == '"' && (rest_.starts_with("\\\"") || rest_.starts_with("\\\\"));
      skip(escaped ? 2 : 1);
    }
  }

  std::string_view rest_;
  std::size_t line_ = 1;
  char before_ = '\n';   // the last one that was skipped
  bool unsure_ = false;  // whether quotes and # are what they seem
  bool never_sure_ = false;
};

}  // namespace

std::size_t line_of_stray_letter(std::string_view toml) {
  return Scan(toml).line_of_stray_letter();
}

}  // namespace flagship::hosts
