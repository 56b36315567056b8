// SPDX-License-Identifier: MIT
// What a master reads on its control channel, of whoever found the way there.
#include <string>
#include <variant>

#include "common/wire/control.hpp"
#include "tests/fuzz/target.hpp"

namespace flagship::wire {
namespace {

void touch(const Greeting& body) {
  for (const auto* text : {&body.token, &body.build_id, &body.version, &body.host})
    fuzz::touch(*text);
}
void touch(const Beat& body) {
  for (const Beat::Worker& worker : body.workers)
    fuzz::touch({reinterpret_cast<const char*>(&worker), sizeof worker});
}
void touch(const Leaving& body) { fuzz::touch(body.reason); }
void touch(const Printed& body) { fuzz::touch(body.text); }

}  // namespace
}  // namespace flagship::wire

FUZZ_TARGET(from_agent) {
  using namespace flagship;
  const auto message = wire::read_from_agent(bytes);
  if (!message) return;
  std::visit([](const auto& body) { wire::touch(body); }, *message);
  const std::string written = wire::write(*message);
  const auto again = wire::read_from_agent(written);
  fuzz::check(again && again->index() == message->index(), "what was written is read");
  fuzz::check(wire::write(*again) == written, "a message is the same");
}
