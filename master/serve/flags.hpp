// SPDX-License-Identifier: MIT
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace flagship::serve {

/// "br" for "BR", "Br" or "br"; nothing when it is not two letters A to Z.
std::optional<std::string> country_code(std::string_view text);

/// The images by their codes in lower case.
using Flags = std::map<std::string, std::string, std::less<>>;

/// Reads every flag of a folder: ROOT/CC.gif, else ROOT/CC/CC.gif, else ROOT/flags/CC/CC.gif, in
/// any case. An empty root is the folder of Debian's famfamfam-flag-gif. Throws std::runtime_error
/// with a sentence that names the folder when there is no flag to be had.
Flags load_flags(std::filesystem::path root);

}  // namespace flagship::serve
