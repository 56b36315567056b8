// SPDX-License-Identifier: MIT
// The keys with which an agent joins.
#include "common/agent_keys.hpp"
#include "common/key_file.hpp"

#include <stdexcept>
#include <string>

#include "tests/fuzz/target.hpp"

FUZZ_TARGET(keys) {
  using flagship::fuzz::check;
  try {
    const flagship::AgentKeys keys = flagship::parse_agent_keys(bytes, "file");
    for (const std::string& key : {keys.own.public_key, keys.own.secret_key, keys.master_public})
      check(flagship::is_key(key), "what is read is a key");
    check(flagship::text_of(flagship::parse_agent_keys(flagship::text_of(keys), "again")) ==
              flagship::text_of(keys),
          "keys come back from their text");
  } catch (const std::invalid_argument& error) {
    check(std::string_view(error.what()).starts_with("file:"), "a refusal names the file");
    check(std::string_view(error.what()).size() < 200, "a refusal holds nothing of the file");
  }
}
