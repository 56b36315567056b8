// SPDX-License-Identifier: MIT
// Many calls of one function in one task: what `map` sends, and how each item keeps an outcome of
// its own.
#pragma once

#include <exception>
#include <string>
#include <string_view>

#include "flagship/detail/chunk_notes.hpp"
#include "flagship/task.hpp"

namespace flagship::detail {

std::string pack_exception(const std::exception_ptr& error);
std::exception_ptr unpack_exception(std::string_view bytes);

/// Appends one item's outcome: 1 and the value, or 0 and the exception.
template <auto F>
void run_item(arguments_of<F>& arguments, Writer& out, std::string& buffer, int retries) {
  const std::size_t before = buffer.size();
  for (int attempt = 0;; ++attempt) {
    try {
      out.put(true);
      if constexpr (std::is_void_v<result_of<F>>) {
        call_again<F>(arguments);
      } else {
        out.put(call_again<F>(arguments));
      }
      return;
    } catch (...) {
      buffer.resize(before);
      if (attempt < retries) continue;
      out.put(false);
      out.put(pack_exception(std::current_exception()));
      return;
    }
  }
}

/// The task of a chunk: how often to try again, whether all of it is to be done at once, how many
/// items, the items' arguments. Otherwise it ends with the item whose outcome finds no room in the
/// notes: the rest has not begun.
template <auto F>
void invoke_chunk(Reader& in, Writer& out) {
  std::string& buffer = out.buffer();
  const int retries = read_part<int>(in);
  const bool whole = read_part<bool>(in);
  ChunkNotes notes = ChunkNotes::of_this_call();
  for (auto items = read_part<std::uint32_t>(in); items > 0; --items) {
    auto arguments = read_part<arguments_of<F>>(in);
    run_item<F>(arguments, out, buffer, retries);
    if (!notes.note(buffer) && !whole) return;
  }
  expect_end(in);
}

template <auto F>
struct ChunkRegistration {
  static inline const bool done = register_task(&invoke_chunk<F>, display_name<F>());
};

template <auto F>
std::uint64_t chunk_key() {
  (void)&ChunkRegistration<F>::done;
  static const std::uint64_t key = key_of(&invoke_chunk<F>);
  return key;
}

}  // namespace flagship::detail
