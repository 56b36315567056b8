// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "master/fetch/country_codes.hpp"
#include "master/fetch/item.hpp"

namespace flagship::fetch {

struct NotYet {};  // more may come; the source wakes whoever asked
struct AtEnd {};
using Next = std::variant<Item, NotYet, AtEnd>;

/// Where the items of a run come from, one after another and never all at once. One thread.
class Source {
 public:
  virtual ~Source() = default;
  /// Never blocks. Fills in index, key and url (or trouble).
  virtual Next next() = 0;
  /// How many there will be, if that is known.
  virtual std::optional<std::size_t> size() const = 0;
};

/// "{cc}" in the template becomes the code in lower case, "{CC}" in upper case, "{key}" as the key
/// is.
std::string fill_in(const std::string& url_template, const std::string& code);

std::unique_ptr<Source> from_codes(Codes codes, std::string url_template);

/// The URLs of a text file, a line each ('-': standard input); blank lines and lines that begin
/// with # are skipped. A thread reads ahead a little, and `wake` is called from it when `next` may
/// go on. Throws std::runtime_error with a sentence when the file cannot be opened.
std::unique_ptr<Source> from_list(const std::string& path, std::optional<std::size_t> limit,
                                  std::function<void()> wake);

/// How many items a list holds, counted up to `most`; `most` also where that cannot be told without
/// waiting, or reading what can be read only once: of standard input and pipes.
std::size_t count_items(const std::string& path, std::size_t most);

}  // namespace flagship::fetch
