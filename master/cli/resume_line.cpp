// SPDX-License-Identifier: MIT
#include "master/cli/resume_line.hpp"

#include <algorithm>
#include <cctype>
#include <string_view>

namespace flagship::cli {
namespace {

bool is_plain(unsigned char c) {
  return std::isalnum(c) ||
         std::string_view("/._-+,:@%=").find(static_cast<char>(c)) != std::string_view::npos;
}

std::string quoted(const std::string& word) {
  if (!word.empty() && std::all_of(word.begin(), word.end(), is_plain)) return word;
  std::string text = "'";
  for (const char c : word) c == '\'' ? text += "'\\''" : text += c;
  return text + "'";
}

}  // namespace

std::string resume_command(const std::string& folder, bool from_input) {
  const std::string named = folder.starts_with('-') ? "./" + folder : folder;
  return "flagship fetch --resume " + quoted(named) + (from_input ? " --from - < LIST" : "");
}

}  // namespace flagship::cli
