// SPDX-License-Identifier: MIT
// A call that ended with its worker on another host.
#include "common/wire/lost.hpp"
#include "tests/fuzz/target.hpp"

FUZZ_TARGET(lost) {
  using namespace flagship;
  const wire::LostCall lost = wire::unpack_lost(bytes);
  for (const auto* text :
       {&lost.notes, &lost.death.host, &lost.death.stderr_tail, &lost.death.backtrace})
    fuzz::touch(*text);
  fuzz::touch(describe(lost.death));
  const std::string packed = wire::pack_lost(lost.death, lost.notes);
  const wire::LostCall again = wire::unpack_lost(packed);
  fuzz::check(wire::pack_lost(again.death, again.notes) == packed, "a lost call is the same");
}
