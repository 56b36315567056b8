// SPDX-License-Identifier: MIT
#include "master/serve/flags.hpp"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <vector>

namespace flagship::serve {
namespace {

namespace fs = std::filesystem;

constexpr const char* kDebianRoot = "/usr/share/flags/countries/16x11";

// Locales stay out of it: a flag's name is ASCII or it is no flag.
char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](char c) { return lower(c); });
  return text;
}

// Sorted, so that of two spellings of one code it is always the same one that counts.
std::vector<fs::path> entries(const fs::path& folder) {
  std::vector<fs::path> found;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    found.push_back(entry.path());
  }
  std::sort(found.begin(), found.end());
  return found;
}

std::string contents(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::string bytes{std::istreambuf_iterator<char>(in), {}};
  if (!in) throw std::runtime_error("The flag " + file.string() + " cannot be read.");
  return bytes;
}

// The code of which this is the image, going by its name.
std::optional<std::string> code_of(const fs::path& file) {
  if (lower(file.extension().string()) != ".gif" || !fs::is_regular_file(file)) return {};
  return country_code(file.stem().string());
}

void add_images(const fs::path& folder, Flags& flags) {
  for (const fs::path& file : entries(folder)) {
    const auto code = code_of(file);
    if (code && !flags.contains(*code)) flags.emplace(*code, contents(file));
  }
}

void add_images_in_own_folders(const fs::path& folder, Flags& flags) {
  for (const fs::path& inner : entries(folder)) {
    const auto code = country_code(inner.filename().string());
    if (!code || flags.contains(*code) || !fs::is_directory(inner)) continue;
    for (const fs::path& file : entries(inner)) {
      if (code_of(file) == code) flags.try_emplace(*code, contents(file));
    }
  }
}

Flags read_all(const fs::path& root) {
  Flags flags;
  add_images(root, flags);
  add_images_in_own_folders(root, flags);
  if (fs::is_directory(root / "flags")) add_images_in_own_folders(root / "flags", flags);
  return flags;
}

std::runtime_error no_flags(const fs::path& root, const std::string& why) {
  std::string sentence = "The folder of flags " + root.string() + " " + why;
  if (root == kDebianRoot) sentence += " Flags come with: apt-get install famfamfam-flag-gif";
  return std::runtime_error(sentence);
}

}  // namespace

std::optional<std::string> country_code(std::string_view text) {
  if (text.size() != 2) return {};
  std::string code = lower(std::string(text));
  for (const char c : code) {
    if (c < 'a' || c > 'z') return {};
  }
  return code;
}

Flags load_flags(fs::path root) try {
  if (root.empty()) root = kDebianRoot;
  if (!fs::is_directory(root)) throw no_flags(root, "does not exist.");
  Flags flags = read_all(root);
  if (flags.empty()) {
    throw no_flags(root, "holds none: neither CC.gif nor CC/CC.gif nor flags/CC/CC.gif.");
  }
  return flags;
} catch (const fs::filesystem_error& error) {
  throw std::runtime_error("The folder " + error.path1().string() +
                           " cannot be read: " + error.code().message() + ".");
}

}  // namespace flagship::serve
