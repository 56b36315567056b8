// SPDX-License-Identifier: MIT
#include "common/wire/up.hpp"

#include <algorithm>

#include "common/wire/payloads.hpp"
#include "flagship/v1/wire.pb.h"

namespace flagship::wire {

struct UpWriter::Impl {
  v1::Up message;
  Sender sender;
  Frames payloads;
  std::size_t bytes = 0;
  bool all_returned = true;
};

UpWriter::UpWriter(Sender sender) : impl_(std::make_unique<Impl>()) {
  impl_->sender = sender;
  impl_->message.set_worker(sender.worker);
  impl_->message.set_incarnation(sender.incarnation);
}
UpWriter::~UpWriter() = default;

namespace {
v1::Up addressed(Sender sender) {
  v1::Up message;
  message.set_worker(sender.worker);
  message.set_incarnation(sender.incarnation);
  return message;
}

LayerState state_of(const v1::Layer& layer) {
  const auto worst = static_cast<std::uint32_t>(LayerState::unavailable);
  return static_cast<LayerState>(std::min(layer.state(), worst));
}
}  // namespace

Frames UpWriter::hello(const Hello& hello) {
  v1::Up message = addressed(impl_->sender);
  v1::Hello& body = *message.mutable_hello();
  body.set_protocol(hello.protocol);
  body.set_build_id(hello.build_id);
  body.set_version(hello.version);
  body.set_pid(hello.pid);
  body.set_concurrency(hello.concurrency);
  body.set_lag_ns(static_cast<std::uint64_t>(hello.lag.count()));
  for (const IsolationLayer& layer : hello.isolation) {
    v1::Layer& said = *body.add_isolation();
    said.set_name(layer.name);
    said.set_state(static_cast<std::uint32_t>(layer.state));
    said.set_detail(layer.detail);
  }
  return one_frame(message.SerializeAsString());
}

Frames UpWriter::began(std::span<const std::uint64_t> tickets) {
  v1::Up message = addressed(impl_->sender);
  message.mutable_began()->mutable_tickets()->Add(tickets.begin(), tickets.end());
  return one_frame(message.SerializeAsString());
}

Frames UpWriter::bye(const std::string& reason) {
  v1::Up message = addressed(impl_->sender);
  message.mutable_bye()->set_reason(reason);
  return one_frame(message.SerializeAsString());
}

void UpWriter::add(std::uint64_t ticket, CallEnding ending, std::string& payload,
                   const Usage* usage) {
  v1::Results& results = *impl_->message.mutable_results();
  if (usage != nullptr) {
    v1::Usage& used = *results.add_usage();
    used.set_index(static_cast<std::uint32_t>(results.tickets_size()));
    used.set_wall_ns(static_cast<std::uint64_t>(usage->wall.count()));
    used.set_user_ns(static_cast<std::uint64_t>(usage->user.count()));
    used.set_system_ns(static_cast<std::uint64_t>(usage->system.count()));
    used.set_peak_rss(usage->peak_rss);
  }
  results.add_tickets(ticket);
  results.add_endings(static_cast<std::uint32_t>(ending));
  impl_->all_returned = impl_->all_returned && ending == CallEnding::returned;
  impl_->bytes += payload.size();
  if (payload.size() < kOwnFrameBytes) {
    results.add_sizes(static_cast<std::uint32_t>(payload.size()));
    results.mutable_payloads()->append(payload);
  } else {
    results.add_sizes(kOwnFrame);
    impl_->payloads.push_back({std::move(payload), nullptr});
  }
}

void UpWriter::add_by(RanBy by) {
  v1::Results& results = *impl_->message.mutable_results();
  results.add_pids(by.pid);
  results.add_workers(by.worker);
}

std::size_t UpWriter::batched() const {
  return static_cast<std::size_t>(impl_->message.results().tickets_size());
}
std::size_t UpWriter::batched_bytes() const { return impl_->bytes; }

Frames UpWriter::take_results(std::chrono::nanoseconds busy, std::uint64_t rss,
                              std::uint64_t kept) {
  v1::Results& results = *impl_->message.mutable_results();
  if (impl_->all_returned) results.clear_endings();
  results.set_busy_ns(static_cast<std::uint64_t>(busy.count()));
  results.set_rss(rss);
  results.set_kept(kept);
  Frames frames = with_payloads(impl_->message.SerializeAsString(), impl_->payloads);
  impl_->bytes = 0;
  impl_->all_returned = true;
  results.Clear();
  return frames;
}

struct UpReader::Impl {
  v1::Up message;
  PayloadCursor payloads;
  int at = 0;
  int usage = 0;

  bool well_formed(const Blobs& blobs) const {
    const v1::Results& results = message.results();
    const int n = results.tickets_size();
    if (results.sizes_size() != n || (results.endings_size() != 0 && results.endings_size() != n))
      return false;
    for (const std::uint32_t ending : results.endings())
      if (ending > static_cast<std::uint32_t>(CallEnding::worker_died)) return false;
    if (results.pids_size() != results.workers_size()) return false;
    if (results.pids_size() != 0 && results.pids_size() != n) return false;
    return payloads_fit(results.sizes(), results.payloads(), blobs);
  }
};

UpReader::UpReader() : impl_(std::make_unique<Impl>()) {}
UpReader::~UpReader() = default;

UpReader::Kind UpReader::read(const Blobs& message) {
  Impl& in = *impl_;
  in.payloads.begin(message);
  in.at = in.usage = 0;
  const auto bytes = message.empty() ? std::string_view() : message[0].bytes;
  if (bytes.size() > 0x7FFFFFFF ||
      !in.message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
    return Kind::malformed;
  switch (in.message.body_case()) {
    case v1::Up::kHello:
      return Kind::hello;
    case v1::Up::kResults:
      return in.well_formed(message) ? Kind::results : Kind::malformed;
    case v1::Up::kBegan:
      return Kind::began;
    case v1::Up::kBye:
      return Kind::bye;
    case v1::Up::BODY_NOT_SET:
      break;
  }
  return Kind::malformed;
}

Sender UpReader::sender() const { return {impl_->message.worker(), impl_->message.incarnation()}; }

Hello UpReader::hello() const {
  const v1::Hello& body = impl_->message.hello();
  Hello hello{body.protocol(), body.build_id(), body.version(), body.pid()};
  hello.concurrency = body.concurrency();
  hello.lag = std::chrono::nanoseconds(body.lag_ns());
  for (const v1::Layer& layer : body.isolation())
    hello.isolation.push_back({layer.name(), state_of(layer), layer.detail()});
  return hello;
}

std::string UpReader::bye_reason() const { return impl_->message.bye().reason(); }

std::span<const std::uint64_t> UpReader::tickets() const {
  const auto& tickets = impl_->message.has_began() ? impl_->message.began().tickets()
                                                   : impl_->message.results().tickets();
  return {tickets.data(), static_cast<std::size_t>(tickets.size())};
}

std::chrono::nanoseconds UpReader::busy() const {
  return std::chrono::nanoseconds(impl_->message.results().busy_ns());
}

std::uint64_t UpReader::rss() const { return impl_->message.results().rss(); }

std::uint64_t UpReader::kept() const { return impl_->message.results().kept(); }

bool UpReader::all_returned() const { return impl_->message.results().endings_size() == 0; }

CallEnding UpReader::ending(std::size_t i) const {
  if (all_returned()) return CallEnding::returned;
  return static_cast<CallEnding>(impl_->message.results().endings(static_cast<int>(i)));
}

std::optional<CallResult> UpReader::next() {
  Impl& in = *impl_;
  const v1::Results& results = in.message.results();
  if (in.at == results.tickets_size()) return std::nullopt;
  const int i = in.at++;
  CallResult result;
  result.ticket = results.tickets(i);
  result.ending = ending(static_cast<std::size_t>(i));
  if (in.usage < results.usage_size() &&
      results.usage(in.usage).index() == static_cast<std::uint32_t>(i)) {
    const v1::Usage& used = results.usage(in.usage++);
    result.usage =
        Usage{std::chrono::nanoseconds(used.wall_ns()), std::chrono::nanoseconds(used.user_ns()),
              std::chrono::nanoseconds(used.system_ns()), used.peak_rss()};
  }
  if (i < results.pids_size()) result.by = {results.pids(i), results.workers(i)};
  Blob payload = in.payloads.next(results.sizes(i), results.payloads());
  result.payload = payload.bytes;
  result.owner = std::move(payload.owner);
  return result;
}

}  // namespace flagship::wire
