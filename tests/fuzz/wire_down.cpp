// SPDX-License-Identifier: MIT
// What a worker reads of its supervisor's message. The first byte says how many frames follow the
// envelope.
#include "common/wire/down.hpp"

#include <vector>

#include "tests/fuzz/target.hpp"

namespace flagship::wire {
namespace {

using fuzz::check;

std::vector<AssignedCall> all_calls(DownReader& reader) {
  std::vector<AssignedCall> calls;
  while (const auto call = reader.next()) {
    fuzz::touch(call->payload);
    calls.push_back(*call);
  }
  return calls;
}

void check_calls(DownReader& reader) {
  const std::vector<AssignedCall> calls = all_calls(reader);
  check(calls.size() == reader.calls(), "as many calls as it says");
  if (calls.empty()) return;
  DownWriter writer;
  for (const AssignedCall& call : calls) writer.add(call, nullptr);
  const Frames frames = writer.take_assign();
  const Blobs blobs{{frames[0].bytes(), nullptr}};
  DownReader again;
  check(again.read(blobs) == DownReader::Kind::assign, "what was written is read");
  const std::vector<AssignedCall> same = all_calls(again);
  check(same.size() == calls.size(), "none is lost on the way");
  for (std::size_t i = 0; i < same.size(); ++i)
    check(same[i].ticket == calls[i].ticket && same[i].place == calls[i].place &&
              same[i].function == calls[i].function && same[i].notify == calls[i].notify &&
              same[i].attempt == calls[i].attempt && same[i].payload == calls[i].payload,
          "a call is the same");
}

}  // namespace
}  // namespace flagship::wire

FUZZ_TARGET(wire_down) {
  using namespace flagship::wire;
  const auto payloads = flagship::fuzz::take<std::uint8_t>(bytes) % 4u;
  Blobs blobs{{bytes, nullptr}};
  for (unsigned i = 0; i < payloads; ++i) blobs.push_back({"a frame of its own", nullptr});
  DownReader reader;
  switch (reader.read(blobs)) {
    case DownReader::Kind::assign:
      return check_calls(reader);
    case DownReader::Kind::welcome:
      return flagship::fuzz::touch(reader.welcome().initializer);
    case DownReader::Kind::recall:
    case DownReader::Kind::interrupt:
      for (const std::uint64_t& ticket : reader.tickets())
        flagship::fuzz::touch({reinterpret_cast<const char*>(&ticket), sizeof ticket});
      return;
    case DownReader::Kind::signal:
      return static_cast<void>(reader.signal());
    case DownReader::Kind::drain:
    case DownReader::Kind::malformed:
      return;
  }
}
