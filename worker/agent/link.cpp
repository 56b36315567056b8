// SPDX-License-Identifier: MIT
#include "worker/agent/link.hpp"

#include <unistd.h>

#include <algorithm>
#include <utility>

#include "common/transport/zmq_message.hpp"
#include "worker/agent/reach.hpp"

namespace flagship::worker {
namespace {

using std::chrono::duration_cast;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;

constexpr milliseconds kReachLimit{15'000};
constexpr milliseconds kAnswerLimit{20'000};
constexpr int kFirstEchoes = 3;  // the shortest of them is how far away its master is
constexpr int kFirstHeartbeatMs = 10'000;

std::uint64_t ticks() {
  return static_cast<std::uint64_t>(
      duration_cast<nanoseconds>(Link::Clock::now().time_since_epoch()).count());
}

nanoseconds time_of_day() {
  return duration_cast<nanoseconds>(std::chrono::system_clock::now().time_since_epoch());
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

}  // namespace

Link::Link(wire::Ticket ticket, const wire::Greeting& greeting, const Lifeline& lifeline)
    : ticket_(std::move(ticket)), lifeline_(lifeline) {
  std::string endpoint;
  if (ticket_.master_key.empty()) {
    if (ticket_.control.size() != 1 || ticket_.files.size() != 3)
      throw LinkError("the ticket does not say where its master is");
    endpoint = ticket_.control[0];
  } else {
    endpoint = first_reachable(ticket_.control, kReachLimit, lifeline_);
    if (endpoint.empty())
      throw LinkError("cannot reach its master at any of " + joined(ticket_.control) +
                      ": let this host connect to one of these, or name others in [security] "
                      "addresses and ports");
    address_ = host_in(endpoint);
  }
  control_ = make(ZMQ_DEALER, ticket_.public_key, ticket_.secret_key);
  watch(control_, "control");
  control_.connect(endpoint);
  say(greeting);
  const Clock::time_point end = Clock::now() + kAnswerLimit;
  while (!welcomed_) {
    if (Clock::now() >= end) throw LinkError("its master does not answer at " + endpoint);
    wait({}, end);
  }
  for (int i = 0; i < kFirstEchoes; ++i) {
    beat({});
    for (const int before = echoes_; echoes_ == before;) {
      if (Clock::now() >= end) throw LinkError("its master does not answer at " + endpoint);
      wait({}, end);
    }
  }
}

zmq::socket_t Link::make(int type, const std::string& public_key, const std::string& secret_key) {
  zmq::socket_t socket(context_, type);
  const bool known = welcome_.lease > nanoseconds::zero();
  const int lease = known ? static_cast<int>(duration_cast<milliseconds>(welcome_.lease).count())
                          : kFirstHeartbeatMs;
  socket.set(zmq::sockopt::linger, 0);
  socket.set(zmq::sockopt::reconnect_ivl, -1);
  socket.set(zmq::sockopt::heartbeat_ivl, std::max(lease / 5, 100));
  socket.set(zmq::sockopt::heartbeat_timeout, lease);
  socket.set(zmq::sockopt::heartbeat_ttl, lease);
  socket.set(zmq::sockopt::sndhwm, 0);  // what it holds is bounded by its master
  socket.set(zmq::sockopt::rcvhwm, 0);
  if (ticket_.master_key.empty()) return socket;
  socket.set(zmq::sockopt::ipv6, true);
  socket.set(zmq::sockopt::curve_serverkey, ticket_.master_key);
  socket.set(zmq::sockopt::curve_publickey, public_key);
  socket.set(zmq::sockopt::curve_secretkey, secret_key);
  return socket;
}

// A peer that refuses the key ends the handshake, which is no disconnection.
void Link::watch(zmq::socket_t& socket, const char* name) {
  const std::string endpoint = std::string("inproc://") + name;
  const int events = ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH |
                     ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL;
  if (zmq_socket_monitor(socket.handle(), endpoint.c_str(), events) != 0)
    throw LinkError("cannot watch a connection");
  zmq::socket_t monitor(context_, ZMQ_PAIR);
  monitor.set(zmq::sockopt::linger, 0);
  monitor.connect(endpoint);
  monitors_.push_back(std::move(monitor));
}

// By the address that its master was reached at.
std::string Link::endpoint(const std::vector<std::string>& endpoints, std::size_t file) const {
  if (ticket_.master_key.empty()) return "ipc://" + ticket_.files[file];
  for (const std::string& endpoint : endpoints)
    if (host_in(endpoint) == address_) return endpoint;
  // It was told another name of its master than that knows itself.
  if (endpoints.empty()) throw LinkError("its master does not say where tasks come from");
  const std::string& any = endpoints.front();
  const bool v6 = address_.find(':') != std::string::npos;
  return "tcp://" + (v6 ? "[" + address_ + "]" : address_) + any.substr(any.rfind(':'));
}

void Link::open() {
  const bool own = welcome_.public_key.empty();
  const std::string& public_key = own ? ticket_.public_key : welcome_.public_key;
  const std::string& secret_key = own ? ticket_.secret_key : welcome_.secret_key;
  results_ = make(ZMQ_PUSH, public_key, secret_key);
  watch(results_, "results");
  results_.connect(endpoint(welcome_.results, 1));
  tasks_ = make(ZMQ_PULL, public_key, secret_key);
  watch(tasks_, "tasks");
  tasks_.connect(endpoint(welcome_.tasks, 2));
}

void Link::close_behind() {
  for (const std::string& file : ticket_.files) unlink(file.c_str());
}

std::vector<bool> Link::wait(const std::vector<int>& fds, Clock::time_point until) {
  std::vector<zmq::pollitem_t> items{{control_.handle(), 0, ZMQ_POLLIN, 0}};
  if (tasks_) items.push_back({tasks_.handle(), 0, ZMQ_POLLIN, 0});
  for (zmq::socket_t& monitor : monitors_) items.push_back({monitor.handle(), 0, ZMQ_POLLIN, 0});
  const std::size_t lifeline = items.size();
  if (lifeline_.fd() >= 0) items.push_back({nullptr, lifeline_.fd(), ZMQ_POLLIN, 0});
  const std::size_t own = items.size();
  for (const int fd : fds) items.push_back({nullptr, fd, ZMQ_POLLIN, 0});
  const auto left = std::chrono::ceil<milliseconds>(until - Clock::now());
  if (zmq_poll(items.data(), static_cast<int>(items.size()),
               std::clamp<long>(left.count(), 0, 60'000)) < 0 &&
      zmq_errno() != EINTR)
    throw LinkError("cannot wait for its master");
  if (lifeline < own && items[lifeline].revents != 0) lifeline_.check();
  read_control();
  zmq::message_t event;
  for (zmq::socket_t& monitor : monitors_)
    if (monitor.recv(event, zmq::recv_flags::dontwait))
      throw LinkError(welcomed_ ? "the connection to its master was lost"
                                : "its master lets it not in: its ticket or key is no good");
  std::vector<bool> readable;
  for (std::size_t i = own; i < items.size(); ++i) readable.push_back(items[i].revents != 0);
  return readable;
}

void Link::read_control() {
  zmq::message_t frame;
  while (control_.recv(frame, zmq::recv_flags::dontwait)) {
    const auto message = wire::read_to_agent(frame.to_string_view());
    if (!message) throw LinkError("its master says what cannot be read");
    heard_ = Clock::now();
    if (const auto* const refusal = std::get_if<wire::Refusal>(&*message))
      throw LinkError("its master refuses it: " + refusal->reason);
    if (const auto* const welcome = std::get_if<wire::AgentWelcome>(&*message)) {
      welcome_ = *welcome;
      welcomed_ = true;
    }
    if (const auto* const echo = std::get_if<wire::Echo>(&*message)) {
      ++echoes_;
      const nanoseconds there_and_back(ticks() - echo->sent_ns);
      if (round_trip_ != nanoseconds::zero() && there_and_back >= round_trip_) continue;
      round_trip_ = std::max(there_and_back, nanoseconds(1));
      clock_skew_ =
          time_of_day() - nanoseconds(echo->now_ns) - round_trip_ / 2;  // the best measured so far
    }
  }
}

bool Link::receive(wire::Blobs& message) {
  message.clear();
  for (;;) {
    auto frame = std::make_shared<zmq::message_t>();
    if (!tasks_.recv(*frame, zmq::recv_flags::dontwait)) return false;
    const bool more = frame->more();
    message.push_back({frame->to_string_view(), frame});
    if (!more) return true;
  }
}

void Link::send(wire::Frames&& results) {
  for (std::size_t i = 0; i < results.size(); ++i) {
    const auto more = i + 1 < results.size() ? zmq::send_flags::sndmore : zmq::send_flags::none;
    results_.send(wire::message_of(std::move(results[i])), more);
  }
}

void Link::say(const wire::FromAgent& message) {
  control_.send(zmq::buffer(wire::write(message)), zmq::send_flags::dontwait);
}

void Link::beat(std::vector<wire::Beat::Worker> workers) {
  say(wire::Beat{ticks(), round_trip_, clock_skew_, std::move(workers)});
}

void Link::close(milliseconds linger) {
  // Before who reads of events goes: libzmq would wait for him with what this waits for.
  for (zmq::socket_t* socket : {&tasks_, &results_, &control_})
    if (*socket) zmq_socket_monitor(socket->handle(), nullptr, 0);
  for (zmq::socket_t& monitor : monitors_) monitor.close();
  for (zmq::socket_t* socket : {&tasks_, &results_, &control_}) {
    if (!*socket) continue;
    socket->set(zmq::sockopt::linger, static_cast<int>(linger.count()));
    socket->close();
  }
  context_.close();
}

}  // namespace flagship::worker
