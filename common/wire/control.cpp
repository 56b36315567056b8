// SPDX-License-Identifier: MIT
#include "common/wire/control.hpp"

#include "common/hex.hpp"
#include "flagship/v1/control.pb.h"

namespace flagship::wire {
namespace {

using std::chrono::nanoseconds;

constexpr std::string_view kTicketMark = "flagship-ticket ";

std::optional<unsigned> digit_of(char c) {
  if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a' + 10);
  return std::nullopt;
}

std::optional<std::string> from_hex(std::string_view text) {
  if (text.size() % 2 != 0) return std::nullopt;
  std::string bytes;
  bytes.reserve(text.size() / 2);
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const auto high = digit_of(text[i]);
    const auto low = digit_of(text[i + 1]);
    if (!high || !low) return std::nullopt;
    bytes += static_cast<char>(*high << 4 | *low);
  }
  return bytes;
}

template <class Message>
bool parse(Message& message, std::string_view bytes) {
  return bytes.size() <= 0x7FFFFFFF &&
         message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
}

template <class Strings>
std::vector<std::string> strings(const Strings& from) {
  return {from.begin(), from.end()};
}

void fill(v1::FromAgent& to, const Greeting& from) {
  v1::Greeting& body = *to.mutable_greeting();
  body.set_protocol(from.protocol);
  body.set_run(from.run);
  body.set_token(from.token);
  body.set_agent(from.agent.worker);
  body.set_incarnation(from.agent.incarnation);
  body.set_build_id(from.build_id);
  body.set_version(from.version);
  body.set_host(from.host);
  body.set_pid(from.pid);
  body.set_cpus(from.cpus);
  body.set_memory(from.memory);
}

void fill(v1::FromAgent& to, const Beat& from) {
  v1::Beat& body = *to.mutable_beat();
  body.set_sent_ns(from.sent_ns);
  body.set_round_trip_ns(static_cast<std::uint64_t>(from.round_trip.count()));
  body.set_clock_skew_ns(from.clock_skew.count());
  for (const Beat::Worker& worker : from.workers) {
    body.add_pids(worker.pid);
    body.add_states(worker.state);
    body.add_held(worker.held);
  }
}

void fill(v1::FromAgent& to, const Leaving& from) {
  to.mutable_leaving()->set_reason(from.reason);
  to.mutable_leaving()->set_now(from.now);
}

void fill(v1::FromAgent& to, const Printed& from) {
  v1::Printed& body = *to.mutable_printed();
  body.set_worker(from.worker);
  body.set_pid(from.pid);
  body.set_text(from.text);
}

void fill(v1::ToAgent& to, const AgentWelcome& from) {
  v1::ToAgent::Terms& body = *to.mutable_welcome();
  body.set_agent(from.agent.worker);
  body.set_incarnation(from.agent.incarnation);
  for (const std::string& endpoint : from.tasks) body.add_tasks(endpoint);
  for (const std::string& endpoint : from.results) body.add_results(endpoint);
  body.set_lease_ns(static_cast<std::uint64_t>(from.lease.count()));
  body.set_pool(from.pool);
  body.set_public_key(from.public_key);
  body.set_secret_key(from.secret_key);
}

void fill(v1::ToAgent& to, const Refusal& from) { to.mutable_refusal()->set_reason(from.reason); }

void fill(v1::ToAgent& to, const Echo& from) {
  to.mutable_echo()->set_sent_ns(from.sent_ns);
  to.mutable_echo()->set_now_ns(from.now_ns);
}

std::optional<FromAgent> greeting(const v1::Greeting& from) {
  Greeting to;
  to.protocol = from.protocol();
  to.run = from.run();
  to.token = from.token();
  to.agent = {from.agent(), from.incarnation()};
  to.build_id = from.build_id();
  to.version = from.version();
  to.host = from.host();
  to.pid = from.pid();
  to.cpus = from.cpus();
  to.memory = from.memory();
  return to;
}

std::optional<FromAgent> beat(const v1::Beat& from) {
  if (from.states_size() != from.pids_size() || from.held_size() != from.pids_size())
    return std::nullopt;
  Beat to;
  to.sent_ns = from.sent_ns();
  to.round_trip = nanoseconds(from.round_trip_ns());
  to.clock_skew = nanoseconds(from.clock_skew_ns());
  for (int i = 0; i < from.pids_size(); ++i)
    to.workers.push_back({from.pids(i), from.states(i), from.held(i)});
  return to;
}

}  // namespace

std::string write_ticket(const Ticket& ticket) {
  v1::Ticket to;
  to.set_protocol(ticket.protocol);
  to.set_run(ticket.run);
  to.set_agent(ticket.agent.worker);
  to.set_incarnation(ticket.agent.incarnation);
  to.set_token(ticket.token);
  for (const std::string& endpoint : ticket.control) to.add_control(endpoint);
  to.set_master_key(ticket.master_key);
  to.set_public_key(ticket.public_key);
  to.set_secret_key(ticket.secret_key);
  for (const std::string& file : ticket.files) to.add_files(file);
  return std::string(kTicketMark) + to_hex(to.SerializeAsString()) + "\n";
}

std::optional<Ticket> read_ticket(std::string_view line) {
  if (line.ends_with('\n')) line.remove_suffix(1);
  if (!line.starts_with(kTicketMark)) return std::nullopt;
  const auto bytes = from_hex(line.substr(kTicketMark.size()));
  v1::Ticket from;
  if (!bytes || !parse(from, *bytes)) return std::nullopt;
  Ticket to;
  to.protocol = from.protocol();
  to.run = from.run();
  to.agent = {from.agent(), from.incarnation()};
  to.token = from.token();
  to.control = strings(from.control());
  to.master_key = from.master_key();
  to.public_key = from.public_key();
  to.secret_key = from.secret_key();
  to.files = strings(from.files());
  return to;
}

std::string write(const FromAgent& message) {
  v1::FromAgent to;
  std::visit([&to](const auto& body) { fill(to, body); }, message);
  return to.SerializeAsString();
}

std::string write(const ToAgent& message) {
  v1::ToAgent to;
  std::visit([&to](const auto& body) { fill(to, body); }, message);
  return to.SerializeAsString();
}

std::optional<FromAgent> read_from_agent(std::string_view bytes) {
  v1::FromAgent from;
  if (!parse(from, bytes)) return std::nullopt;
  switch (from.body_case()) {
    case v1::FromAgent::kGreeting:
      return greeting(from.greeting());
    case v1::FromAgent::kBeat:
      return beat(from.beat());
    case v1::FromAgent::kLeaving:
      return Leaving{from.leaving().reason(), from.leaving().now()};
    case v1::FromAgent::kPrinted:
      return Printed{from.printed().worker(), from.printed().pid(), from.printed().text()};
    case v1::FromAgent::BODY_NOT_SET:
      break;
  }
  return std::nullopt;
}

std::optional<ToAgent> read_to_agent(std::string_view bytes) {
  v1::ToAgent from;
  if (!parse(from, bytes)) return std::nullopt;
  switch (from.body_case()) {
    case v1::ToAgent::kWelcome: {
      const v1::ToAgent::Terms& body = from.welcome();
      return AgentWelcome{{body.agent(), body.incarnation()},
                          strings(body.tasks()),
                          strings(body.results()),
                          nanoseconds(body.lease_ns()),
                          body.pool(),
                          body.public_key(),
                          body.secret_key()};
    }
    case v1::ToAgent::kRefusal:
      return Refusal{from.refusal().reason()};
    case v1::ToAgent::kEcho:
      return Echo{from.echo().sent_ns(), from.echo().now_ns()};
    case v1::ToAgent::BODY_NOT_SET:
      break;
  }
  return std::nullopt;
}

}  // namespace flagship::wire
