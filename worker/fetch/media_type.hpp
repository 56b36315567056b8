// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

// Which kinds of bodies are wanted. Pure.
namespace flagship::fetch {

/// As many bytes of a body as `type_by_content()` wants to see; fewer when there are no more.
inline constexpr std::size_t kTellingBytes = 512;

/// "image/gif", "image/*", "*/*".
bool is_type_pattern(std::string_view text);

/// Whether one of `accepted` matches `type`, which is in lower case and may be a pattern itself.
bool accepts(std::span<const std::string> accepted, std::string_view type);

/// "image/gif" of a body that begins so; empty: its first bytes do not tell.
std::string_view type_by_content(std::string_view first);

/// Whether a body that begins so is surely of no accepted type. What many formats are made of (zip,
/// gzip, xml) speaks against those only that cannot be made of it.
bool content_contradicts(std::span<const std::string> accepted, std::string_view first);

}  // namespace flagship::fetch
