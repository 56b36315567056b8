// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

// Small pure helpers for text that came from outside.
namespace flagship::fetch {

/// `raw` as valid UTF-8 without control characters, at most `limit` bytes (never cut within a
/// character).
std::string printable(std::string_view raw, std::size_t limit);

std::string lower(std::string_view text);

/// Equal but for the case of ASCII letters.
bool same_word(std::string_view a, std::string_view b);

/// Nothing but visible ASCII characters and spaces.
bool is_plain(std::string_view text);

/// Without blanks (space, tab, CR, LF) at both ends.
std::string_view trimmed(std::string_view text);

/// The number, if `text` is one or more decimal digits and nothing else and fits.
std::optional<std::uint64_t> digits(std::string_view text);

/// "1 byte", "12 bytes"
std::string byte_words(std::uint64_t count);

/// "10 s", "1.5 s", "200 ms": a time limit as people write it.
std::string span_words(std::uint64_t milliseconds);

}  // namespace flagship::fetch
