// SPDX-License-Identifier: MIT
// Files with keys of CURVE: a heading, then a name and a key a line; lines that begin with # are
// for people. What is wrong with one is said without a word of what is in it.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace flagship {

/// A key as ZeroMQ has it in text: 32 bytes in Z85, which is 40 letters.
bool is_key(std::string_view text);

struct KeyFileKind {
  std::string_view heading;  // its first line
  std::string_view title;    // "the master's"
  std::span<const std::string_view> names;
};

/// All that is in `fd`. Throws std::invalid_argument with a sentence when it cannot be read, and
/// when it is a file that its owner is not alone with. `name`: of the file, for sentences.
std::string read_key_file(int fd, const std::string& name);

/// The keys, as `kind` names them. Throws std::invalid_argument with a sentence.
std::vector<std::string> parse_key_file(std::string_view text, const std::string& name,
                                        const KeyFileKind& kind);

/// The same as text; each line of `for_people` is one that begins with #.
std::string key_file_text(const KeyFileKind& kind, const std::vector<std::string>& keys,
                          const std::vector<std::string>& for_people);

}  // namespace flagship
