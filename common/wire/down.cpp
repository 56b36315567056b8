// SPDX-License-Identifier: MIT
#include "common/wire/down.hpp"

#include <algorithm>

#include "common/wire/payloads.hpp"
#include "flagship/v1/wire.pb.h"

namespace flagship::wire {

struct DownWriter::Impl {
  v1::Down message;
  Frames payloads;
};

DownWriter::DownWriter() : impl_(std::make_unique<Impl>()) {}
DownWriter::~DownWriter() = default;

Frames DownWriter::welcome(const Welcome& welcome) {
  v1::Down message;
  v1::Welcome& body = *message.mutable_welcome();
  body.set_concurrency(welcome.concurrency);
  body.set_flush_after_us(static_cast<std::uint64_t>(welcome.flush_after.count()));
  body.set_initializer_function(welcome.initializer_function);
  body.set_initializer(welcome.initializer);
  body.set_max_rss(welcome.max_rss);
  body.set_task_timeout_ns(static_cast<std::uint64_t>(welcome.task_timeout.count()));
  return one_frame(message.SerializeAsString());
}

Frames DownWriter::drain() {
  v1::Down message;
  message.mutable_drain();
  return one_frame(message.SerializeAsString());
}

Frames DownWriter::recall(std::span<const std::uint64_t> tickets) {
  v1::Down message;
  message.mutable_recall()->mutable_tickets()->Add(tickets.begin(), tickets.end());
  return one_frame(message.SerializeAsString());
}

Frames DownWriter::interrupt(std::span<const std::uint64_t> tickets) {
  v1::Down message;
  message.mutable_interrupt()->mutable_tickets()->Add(tickets.begin(), tickets.end());
  return one_frame(message.SerializeAsString());
}

Frames DownWriter::signal(int number) {
  v1::Down message;
  message.mutable_signal()->set_number(number);
  return one_frame(message.SerializeAsString());
}

void DownWriter::add(const AssignedCall& call, std::shared_ptr<const std::string> large) {
  v1::Assign& assign = *impl_->message.mutable_assign();
  const auto index = static_cast<std::uint32_t>(assign.tickets_size());
  if (call.notify) assign.add_notify(index);
  if (call.attempt > 1 || call.timeout.count() > 0) {
    v1::Terms& terms = *assign.add_terms();
    terms.set_index(index);
    terms.set_attempt(call.attempt);
    terms.set_timeout_ns(static_cast<std::uint64_t>(call.timeout.count()));
  }
  assign.add_tickets(call.ticket);
  assign.add_places(call.place);
  assign.add_functions(call.function);
  if (large) {
    assign.add_sizes(kOwnFrame);
    impl_->payloads.push_back({{}, std::move(large)});
  } else {
    assign.add_sizes(static_cast<std::uint32_t>(call.payload.size()));
    assign.mutable_payloads()->append(call.payload);
  }
}

std::size_t DownWriter::batched() const {
  return static_cast<std::size_t>(impl_->message.assign().tickets_size());
}

Frames DownWriter::take_assign() {
  v1::Assign& assign = *impl_->message.mutable_assign();
  const auto& functions = assign.functions();
  bool same = true;
  for (const auto function : functions) same = same && function == functions[0];
  if (same && functions.size() > 1) assign.mutable_functions()->Truncate(1);
  Frames frames = with_payloads(impl_->message.SerializeAsString(), impl_->payloads);
  assign.Clear();
  return frames;
}

struct DownReader::Impl {
  v1::Down message;
  PayloadCursor payloads;
  int at = 0;      // next call
  int notify = 0;  // next of the notify indices
  int terms = 0;   // next of the terms

  bool well_formed(const Blobs& blobs) const {
    const v1::Assign& assign = message.assign();
    const int n = assign.tickets_size();
    if (assign.places_size() != n || assign.sizes_size() != n) return false;
    if (assign.functions_size() != n && !(assign.functions_size() == 1 && n > 0)) return false;
    return payloads_fit(assign.sizes(), assign.payloads(), blobs);
  }
};

DownReader::DownReader() : impl_(std::make_unique<Impl>()) {}
DownReader::~DownReader() = default;
DownReader::DownReader(DownReader&&) noexcept = default;
DownReader& DownReader::operator=(DownReader&&) noexcept = default;

DownReader::Kind DownReader::read(const Blobs& message) {
  Impl& in = *impl_;
  in.payloads.begin(message);
  in.at = in.notify = in.terms = 0;
  const auto bytes = message.empty() ? std::string_view() : message[0].bytes;
  if (bytes.size() > 0x7FFFFFFF ||
      !in.message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
    return Kind::malformed;
  switch (in.message.body_case()) {
    case v1::Down::kWelcome:
      return Kind::welcome;
    case v1::Down::kAssign:
      return in.well_formed(message) ? Kind::assign : Kind::malformed;
    case v1::Down::kDrain:
      return Kind::drain;
    case v1::Down::kRecall:
      return Kind::recall;
    case v1::Down::kInterrupt:
      return Kind::interrupt;
    case v1::Down::kSignal:
      return Kind::signal;
    case v1::Down::BODY_NOT_SET:
      break;
  }
  return Kind::malformed;
}

Welcome DownReader::welcome() const {
  const v1::Welcome& body = impl_->message.welcome();
  return {body.concurrency(),
          std::chrono::microseconds(body.flush_after_us()),
          body.initializer_function(),
          body.initializer(),
          body.max_rss(),
          std::chrono::nanoseconds(body.task_timeout_ns())};
}

std::span<const std::uint64_t> DownReader::tickets() const {
  const v1::Down& message = impl_->message;
  const auto& tickets =
      message.has_recall() ? message.recall().tickets() : message.interrupt().tickets();
  return {tickets.data(), static_cast<std::size_t>(tickets.size())};
}

int DownReader::signal() const { return impl_->message.signal().number(); }

std::size_t DownReader::calls() const {
  return static_cast<std::size_t>(impl_->message.assign().tickets_size());
}

std::optional<AssignedCall> DownReader::next() {
  Impl& in = *impl_;
  const v1::Assign& assign = in.message.assign();
  if (in.at == assign.tickets_size()) return std::nullopt;
  const int i = in.at++;
  AssignedCall call;
  call.ticket = assign.tickets(i);
  call.place = assign.places(i);
  call.function = assign.functions(assign.functions_size() == 1 ? 0 : i);
  if (in.notify < assign.notify_size() &&
      assign.notify(in.notify) == static_cast<std::uint32_t>(i)) {
    call.notify = true;
    ++in.notify;
  }
  if (in.terms < assign.terms_size() &&
      assign.terms(in.terms).index() == static_cast<std::uint32_t>(i)) {
    const v1::Terms& terms = assign.terms(in.terms++);
    call.attempt = std::max(terms.attempt(), 1u);
    call.timeout = std::chrono::nanoseconds(terms.timeout_ns());
  }
  call.payload = in.payloads.next(assign.sizes(i), assign.payloads()).bytes;
  return call;
}

}  // namespace flagship::wire
