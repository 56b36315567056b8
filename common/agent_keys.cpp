// SPDX-License-Identifier: MIT
#include "common/agent_keys.hpp"

#include <utility>

#include "common/key_file.hpp"

namespace flagship {
namespace {

constexpr std::string_view kNames[] = {"agent-public", "agent-secret", "master-public"};
constexpr KeyFileKind kKind{"flagship-agent-keys 1", "the agents'", kNames};

}  // namespace

AgentKeys parse_agent_keys(std::string_view text, const std::string& name) {
  auto keys = parse_key_file(text, name, kKind);
  return {{std::move(keys[0]), std::move(keys[1])}, std::move(keys[2])};
}

AgentKeys read_agent_keys(int fd, const std::string& name) {
  return parse_agent_keys(read_key_file(fd, name), name);
}

std::string text_of(const AgentKeys& keys) {
  return key_file_text(kKind, {keys.own.public_key, keys.own.secret_key, keys.master_public},
                       {"Secret: with this file an agent joins a Flagship master.",
                        "flagship agent --join tcp://MASTER:PORT < this file"});
}

}  // namespace flagship
