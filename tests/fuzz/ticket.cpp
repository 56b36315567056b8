// SPDX-License-Identifier: MIT
// The line that an agent is handed before it can say anything. What comes first on its standard
// input may be a shell's.
#include "common/wire/control.hpp"
#include "tests/fuzz/target.hpp"

FUZZ_TARGET(ticket) {
  using namespace flagship;
  const auto ticket = wire::read_ticket(bytes);
  if (!ticket) return;
  fuzz::touch(ticket->token);
  for (const auto* texts : {&ticket->control, &ticket->files})
    for (const std::string& text : *texts) fuzz::touch(text);
  const std::string line = wire::write_ticket(*ticket);
  const auto again = wire::read_ticket(line);
  fuzz::check(again.has_value(), "what was written is read");
  fuzz::check(wire::write_ticket(*again) == line, "a ticket is the same");
}
