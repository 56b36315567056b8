// SPDX-License-Identifier: MIT
#include "common/key_file.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <utility>

#include "common/os/read_all.hpp"

namespace flagship {
namespace {

constexpr std::size_t kMostBytes = 4096;
constexpr std::size_t kLetters = 40;
constexpr std::size_t kLettersOfGroup = 5;  // for 32 bits
constexpr std::string_view kZ85 =
    "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#";
constexpr std::string_view kBlank = " \t\r";

bool is_group(std::string_view letters) {
  std::uint64_t value = 0;
  for (const char letter : letters) {
    const std::size_t digit = kZ85.find(letter);
    if (digit == std::string_view::npos) return false;
    value = value * kZ85.size() + digit;
  }
  return value <= UINT32_MAX;
}

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(kBlank);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

/// The first word of a line, and what is behind it.
std::pair<std::string_view, std::string_view> divided(std::string_view line) {
  const std::size_t blank = std::min(line.find_first_of(kBlank), line.size());
  return {line.substr(0, blank), trimmed(line.substr(blank))};
}

class Reader {
 public:
  Reader(std::string_view text, const std::string& name, const KeyFileKind& kind)
      : rest_(text), name_(name), kind_(kind), keys_(kind.names.size()) {}

  std::vector<std::string> read() {
    if (next() != kind_.heading)
      refuse("it does not begin as " + std::string(kind_.title) +
             " file of 'flagship keys new' does; is it another file?");
    for (std::string_view line = next(); !line.empty(); line = next()) take(line);
    for (std::size_t i = 0; i < keys_.size(); ++i)
      if (keys_[i].empty()) refuse("it has no " + std::string(kind_.names[i]) + kMakeAgain);
    return std::move(keys_);
  }

 private:
  static constexpr const char* kMakeAgain = "; 'flagship keys new' makes new ones";

  [[noreturn]] void refuse(const std::string& what) const {
    throw std::invalid_argument(name_ + ":" + std::to_string(std::max(1, line_)) + ": " + what);
  }

  /// The next line that says something; empty: there is none.
  std::string_view next() {
    while (!rest_.empty()) {
      const std::size_t end = std::min(rest_.find('\n'), rest_.size());
      const std::string_view line = trimmed(rest_.substr(0, end));
      rest_.remove_prefix(std::min(end + 1, rest_.size()));
      ++line_;
      if (!line.empty() && line.front() != '#') return line;
    }
    return {};
  }

  void take(std::string_view line) {
    const auto [name, key] = divided(line);
    const auto known = std::find(kind_.names.begin(), kind_.names.end(), name);
    if (known == kind_.names.end())
      refuse("this line is none of " + std::string(kind_.title) + " file" + kMakeAgain);
    std::string& kept = keys_[static_cast<std::size_t>(known - kind_.names.begin())];
    if (!kept.empty()) refuse(std::string(name) + " is there twice" + kMakeAgain);
    if (!is_key(key)) refuse(std::string(name) + " is no key" + kMakeAgain);
    kept = key;
  }

  std::string_view rest_;
  const std::string& name_;
  const KeyFileKind& kind_;
  int line_ = 0;
  std::vector<std::string> keys_;
};

}  // namespace

bool is_key(std::string_view text) {
  if (text.size() != kLetters) return false;
  for (std::size_t at = 0; at < kLetters; at += kLettersOfGroup)
    if (!is_group(text.substr(at, kLettersOfGroup))) return false;
  return true;
}

std::string read_key_file(int fd, const std::string& name) {
  struct stat file {};
  const bool known = fstat(fd, &file) == 0;
  if (known && S_ISREG(file.st_mode) && (file.st_mode & (S_IRWXG | S_IRWXO)) != 0)
    throw std::invalid_argument(name +
                                ": others than its owner can read or change it, and it has "
                                "secrets in it; 'chmod 600' keeps them out");
  try {
    return read_all(fd, kMostBytes);
  } catch (const std::runtime_error& error) {
    throw std::invalid_argument(name + ": the keys cannot be read: " + error.what());
  }
}

std::vector<std::string> parse_key_file(std::string_view text, const std::string& name,
                                        const KeyFileKind& kind) {
  return Reader(text, name, kind).read();
}

std::string key_file_text(const KeyFileKind& kind, const std::vector<std::string>& keys,
                          const std::vector<std::string>& for_people) {
  std::string text;
  for (const std::string& line : for_people) text += "# " + line + "\n";
  text.append(kind.heading).append("\n");
  for (std::size_t i = 0; i < keys.size(); ++i)
    text.append(kind.names[i]).append(" ").append(keys[i]).append("\n");
  return text;
}

}  // namespace flagship
