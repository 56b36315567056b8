// SPDX-License-Identifier: MIT
// A list of what to download, as it is asked for, and what a line of it says.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace flagship::fetch {

/// Which list, and what its columns mean. In a plain text file the one column is "line".
struct List {
  std::string path;             // "-": standard input; or a folder of lists
  std::string url{};            // the column of the URL; empty: "url", or "line"
  std::string key{};            // of what the user calls an item; empty: "key", if there is one
  std::string checksum{};       // of the SHA-256 that its body must have; empty: none
  std::string url_template{};   // over the columns, in place of a column of URLs
  std::string name_template{};  // of file names, where it speaks of columns; else not needed
  /// "standard input", or the path.
  std::string name() const { return path == "-" ? "standard input" : path; }
};

enum class ListKind { lines, commas, tabs, objects };

struct ListFormat {
  ListKind kind = ListKind::lines;
  bool gzip = false;
};

/// By the ending of its name, in any case: .csv, .tsv, .jsonl, each also with .gz; else a text
/// file.
ListFormat format_of(std::string_view path);
/// Whether its ending says that it is a list: one of those, or .txt.
bool is_list(std::string_view path);

/// What is looked for in a list.
struct Column {
  std::string name;
  std::string wanted_by;  // the option that names it; empty: it need not be there
};

/// What a line of a list says. Blank lines and comments have none.
struct Row {
  std::size_t number = 0;                            // of the line it begins on, from 1
  std::vector<std::optional<std::string>> values{};  // of the columns that were looked for
  std::string trouble{};                             // not empty: why it says nothing
  bool fatal = false;                                // and then the list is of no use at all

  /// What it takes in memory, about.
  std::size_t bytes() const;
};

}  // namespace flagship::fetch
