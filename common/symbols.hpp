// SPDX-License-Identifier: MIT
#pragma once

#include <compare>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace flagship::detail {

/// A place in the code, for people.
struct Symbol {
  std::string function;      // demangled; empty: its file does not say
  std::string module;        // the file's name without folders; empty: in no file
  std::uint64_t offset = 0;  // in that file, as addr2line takes it
};

/// Where calls were made that return to these addresses, in their order. Static functions have
/// names too, unless the file was stripped. Reads the files, which takes a while.
std::vector<Symbol> symbols_of(std::span<void* const> returns);

/// A place in the code of another process.
struct FilePlace {
  std::string file;  // empty: in none
  std::uint64_t offset = 0;
  auto operator<=>(const FilePlace&) const = default;
};
/// The same for them, as far as the files are here.
std::vector<Symbol> symbols_in(std::span<const FilePlace> places);

}  // namespace flagship::detail
