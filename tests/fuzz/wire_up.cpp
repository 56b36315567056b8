// SPDX-License-Identifier: MIT
// What a supervisor reads of a worker's message. The first byte says how many frames follow the
// envelope.
#include "common/wire/up.hpp"

#include <google/protobuf/stubs/logging.h>

#include <string>
#include <vector>

#include "tests/fuzz/target.hpp"

namespace flagship::wire {
namespace {

using fuzz::check;

Blobs frames_of(std::string_view envelope, unsigned payloads) {
  Blobs blobs{{envelope, nullptr}};
  for (unsigned i = 0; i < payloads; ++i) blobs.push_back({"a frame of its own", nullptr});
  return blobs;
}

std::vector<CallResult> all_results(UpReader& reader) {
  std::vector<CallResult> results;
  while (const auto result = reader.next()) {
    fuzz::touch(result->payload);
    results.push_back(*result);
  }
  return results;
}

void check_results(UpReader& reader) {
  const std::vector<CallResult> results = all_results(reader);
  check(results.size() == reader.tickets().size(), "as many results as tickets");
  UpWriter writer(reader.sender());
  for (std::size_t i = 0; i < results.size(); ++i) {
    const CallResult& result = results[i];
    check(result.ticket == reader.tickets()[i], "a result has its ticket");
    check(result.ending == reader.ending(i), "a result has its ending");
    check(result.ending <= CallEnding::worker_died, "an ending is one of those that there are");
    std::string payload(result.payload);
    writer.add(result.ticket, result.ending, payload, result.usage ? &*result.usage : nullptr);
    writer.add_by(result.by);
  }
  const Frames frames = writer.take_results(reader.busy(), reader.rss(), reader.kept());
  Blobs blobs;
  for (const Frame& frame : frames) blobs.push_back({frame.bytes(), nullptr});
  UpReader again;
  check(again.read(blobs) == UpReader::Kind::results, "what was written is read");
  check(again.busy() == reader.busy() && again.kept() == reader.kept(), "all of it is the same");
  const std::vector<CallResult> same = all_results(again);
  check(same.size() == results.size(), "none is lost on the way");
  for (std::size_t i = 0; i < same.size(); ++i)
    check(same[i].ticket == results[i].ticket && same[i].ending == results[i].ending &&
              same[i].payload == results[i].payload && same[i].by.pid == results[i].by.pid &&
              same[i].by.worker == results[i].by.worker &&
              same[i].usage.has_value() == results[i].usage.has_value(),
          "a result is the same");
}

}  // namespace
}  // namespace flagship::wire

FUZZ_TARGET(wire_up) {
  using flagship::wire::UpReader;
  [[maybe_unused]] static auto* const silenced = google::protobuf::SetLogHandler(nullptr);
  const auto payloads = flagship::fuzz::take<std::uint8_t>(bytes) % 4u;
  const flagship::wire::Blobs blobs = flagship::wire::frames_of(bytes, payloads);
  UpReader reader;
  switch (reader.read(blobs)) {
    case UpReader::Kind::results:
      return flagship::wire::check_results(reader);
    case UpReader::Kind::hello:
      flagship::fuzz::touch(reader.hello().build_id);
      return flagship::fuzz::touch(reader.hello().version);
    case UpReader::Kind::began:
      for (const std::uint64_t& ticket : reader.tickets())
        flagship::fuzz::touch({reinterpret_cast<const char*>(&ticket), sizeof ticket});
      return;
    case UpReader::Kind::bye:
      return flagship::fuzz::touch(reader.bye_reason());
    case UpReader::Kind::malformed:
      return;
  }
}
