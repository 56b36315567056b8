// SPDX-License-Identifier: MIT
#include "common/wire/lost.hpp"

#include "flagship/v1/wire.pb.h"

namespace flagship::wire {

std::string pack_lost(const Death& death, std::string_view notes) {
  v1::LostCall to;
  to.set_notes(notes.data(), notes.size());
  to.set_pid(death.pid);
  to.set_host(death.host);
  to.set_signal(death.signal);
  to.set_exit_code(death.exit_code);
  to.set_out_of_memory(death.out_of_memory);
  to.set_memory_limit(death.memory_limit);
  to.set_peak_rss(death.peak_rss);
  to.set_user_ns(static_cast<std::uint64_t>(death.user.count()));
  to.set_system_ns(static_cast<std::uint64_t>(death.system.count()));
  to.set_stderr_tail(death.stderr_tail);
  to.set_backtrace(death.backtrace);
  return to.SerializeAsString();
}

LostCall unpack_lost(std::string_view bytes) {
  v1::LostCall from;
  LostCall to;
  if (bytes.size() > 0x7FFFFFFF ||
      !from.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
    return to;
  to.notes = from.notes();
  to.death.pid = from.pid();
  to.death.host = from.host();
  to.death.signal = from.signal();
  to.death.exit_code = from.exit_code();
  to.death.out_of_memory = from.out_of_memory();
  to.death.memory_limit = from.memory_limit();
  to.death.peak_rss = from.peak_rss();
  to.death.user = std::chrono::nanoseconds(from.user_ns());
  to.death.system = std::chrono::nanoseconds(from.system_ns());
  to.death.stderr_tail = from.stderr_tail();
  to.death.backtrace = from.backtrace();
  return to;
}

}  // namespace flagship::wire
