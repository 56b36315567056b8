// SPDX-License-Identifier: MIT
// What an agent reads of its master.
#include <string>
#include <variant>

#include "common/wire/control.hpp"
#include "tests/fuzz/target.hpp"

namespace flagship::wire {
namespace {

void touch(const AgentWelcome& body) {
  for (const auto* texts : {&body.tasks, &body.results})
    for (const std::string& text : *texts) fuzz::touch(text);
  for (const auto* text : {&body.pool, &body.public_key, &body.secret_key}) fuzz::touch(*text);
}
void touch(const Refusal& body) { fuzz::touch(body.reason); }
void touch(const Echo& body) { fuzz::touch({reinterpret_cast<const char*>(&body), sizeof body}); }

}  // namespace
}  // namespace flagship::wire

FUZZ_TARGET(to_agent) {
  using namespace flagship;
  const auto message = wire::read_to_agent(bytes);
  if (!message) return;
  std::visit([](const auto& body) { wire::touch(body); }, *message);
  const std::string written = wire::write(*message);
  const auto again = wire::read_to_agent(written);
  fuzz::check(again && again->index() == message->index(), "what was written is read");
  fuzz::check(wire::write(*again) == written, "a message is the same");
}
