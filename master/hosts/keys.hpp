// SPDX-License-Identifier: MIT
// Key pairs of CURVE, and the files in which they wait for agents that somebody else starts.
#pragma once

#include <string>
#include <string_view>

#include "common/agent_keys.hpp"

namespace flagship::hosts {

/// A fresh pair. Throws std::runtime_error when this ZeroMQ has no CURVE.
KeyPair new_key_pair();

struct MasterKeys {
  KeyPair own;
  std::string agents_public;  // whoever has its secret is let in
};

/// Throw std::invalid_argument with a sentence, which holds no key. The file has to be its owner's
/// alone.
MasterKeys parse_master_keys(std::string_view text, const std::string& name);
MasterKeys read_master_keys(const std::string& path);
AgentKeys read_agent_keys(const std::string& path);

std::string text_of(const MasterKeys& keys);

struct KeyFiles {
  std::string master;  // paths
  std::string agent;
};

/// Makes NAME.master.keys and NAME.agent.keys, which fit each other. Throws std::runtime_error with
/// a sentence when one is there already, or cannot be made; then neither is.
KeyFiles write_new_keys(const std::string& name);

}  // namespace flagship::hosts
