// SPDX-License-Identifier: MIT
// A folder of lists, which are read one behind the other as if they were one.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>

#include "master/fetch/list.hpp"
#include "master/fetch/source.hpp"

namespace flagship::fetch {

/// As `from_list`, of the lists right in the folder `list.path`, in the order of their names: those
/// whose ending says what they are, and whose name begins with no dot. Throws std::runtime_error
/// when there are none. One that cannot be opened is an item that says so.
std::unique_ptr<Source> from_folder(const List& list, std::optional<std::size_t> limit,
                                    std::function<void()> wake);

/// As `count_items`, and looks at the beginning of each list.
std::size_t count_in_folder(const List& list, std::size_t most);

}  // namespace flagship::fetch
