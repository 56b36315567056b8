// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "master/fetch/country_codes.hpp"
#include "master/fetch/item.hpp"
#include "master/fetch/list.hpp"

namespace flagship::fetch {

struct NotYet {};  // more may come; the source wakes whoever asked
struct AtEnd {};
using Next = std::variant<Item, NotYet, AtEnd>;

/// How many items there are in all.
struct Expected {
  std::uint64_t items = 0;
  bool exact = true;  // else it is a guess, from as much as was read
};

/// Where the items of a run come from, one after another and never all at once. One thread.
class Source {
 public:
  virtual ~Source() = default;
  /// Never blocks. Fills in index, key and url (or trouble), and what else is known. Throws
  /// std::invalid_argument with a sentence when there is no use in going on.
  virtual Next next() = 0;
  /// How many there will be, if that is known.
  virtual std::optional<std::size_t> size() const = 0;
  /// The same, or a guess; nothing: not even that.
  virtual std::optional<Expected> expected() const {
    const auto known = size();
    return known ? std::optional(Expected{*known}) : std::nullopt;
  }
};

/// "{cc}" in the template becomes the code in lower case, "{CC}" in upper case, "{key}" as the key
/// is.
std::string fill_in(const std::string& url_template, const std::string& code);

std::unique_ptr<Source> from_codes(Codes codes, std::string url_template);

/// What a list says, or all lists in a folder. A thread reads ahead a little, and `wake` is called
/// from it when `next` may go on. Throws std::runtime_error with a sentence when the file cannot be
/// opened, and std::invalid_argument for what no such list has.
std::unique_ptr<Source> from_list(const List& list, std::optional<std::size_t> limit,
                                  std::function<void()> wake);

/// How many items a list holds, counted up to `most`; `most` also where that cannot be told without
/// waiting, or reading what can be read only once: of standard input and pipes. Throws
/// std::invalid_argument with a sentence when it has not the columns that are asked for.
std::size_t count_items(const List& list, std::size_t most);

/// The same items; `tell` is called, in the thread of `next`, with each that cannot even be tried.
std::unique_ptr<Source> telling_trouble(std::unique_ptr<Source> source,
                                        std::function<void(const Item&)> tell);

}  // namespace flagship::fetch
