// SPDX-License-Identifier: MIT
// The keys of agents that somebody else starts: what `flagship agent --join` gets on its standard
// input.
#pragma once

#include <string>
#include <string_view>

namespace flagship {

/// Of CURVE, each in Z85.
struct KeyPair {
  std::string public_key;
  std::string secret_key;
};

struct AgentKeys {
  KeyPair own;
  std::string master_public;
};

/// Throw std::invalid_argument with a sentence, which holds no key. `name`: of the file, for it.
AgentKeys parse_agent_keys(std::string_view text, const std::string& name);
/// From a file, a pipe, or whatever standard input is; to its end. A file has to be its owner's
/// alone.
AgentKeys read_agent_keys(int fd, const std::string& name = "standard input");

std::string text_of(const AgentKeys& keys);

}  // namespace flagship
