// SPDX-License-Identifier: MIT
#include "master/hosts/door.hpp"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <stdexcept>
#include <utility>

namespace flagship::hosts {
namespace {

using std::chrono::duration_cast;
using std::chrono::milliseconds;

constexpr std::int64_t kMostControlBytes = 4 << 20;
constexpr std::int64_t kBatchRoom = 8 << 20;  // a message holds a batch besides its largest payload
constexpr int kHandshakeMs = 5000;
constexpr int kBacklog = 1024;
constexpr int kZapEnforceDomain = 93;  // only a draft in Debian's header, and known to its library

std::uint16_t port_of(const std::string& endpoint) {
  std::uint16_t port = 0;
  const std::string digits = endpoint.substr(endpoint.rfind(':') + 1);
  std::from_chars(digits.data(), digits.data() + digits.size(), port);
  return port;
}

bool try_bind(zmq::socket_t& socket, const std::string& endpoint) {
  if (zmq_bind(socket.handle(), endpoint.c_str()) == 0) return true;
  if (errno == EADDRINUSE || errno == EACCES) return false;
  throw std::runtime_error("cannot listen on " + endpoint + ": " + zmq_strerror(zmq_errno()));
}

}  // namespace

std::uint16_t Ports::bind(zmq::socket_t& socket) {
  if (next_ == 0) {
    socket.bind("tcp://*:*");
    return port_of(socket.get(zmq::sockopt::last_endpoint));
  }
  for (auto at = returned_.begin(); at != returned_.end(); ++at) {
    const std::uint16_t port = *at;
    if (!try_bind(socket, "tcp://*:" + std::to_string(port))) continue;
    returned_.erase(at);
    return port;
  }
  while (next_ <= last_) {
    const auto port = static_cast<std::uint16_t>(next_++);
    if (try_bind(socket, "tcp://*:" + std::to_string(port))) return port;
  }
  throw std::runtime_error("no port is free of those that [security] ports names, up to " +
                           std::to_string(last_) +
                           "; name more: two, and one for each agent that comes by tcp");
}

void Ports::give_back(std::uint16_t port) {
  if (next_ != 0) returned_.push_back(port);
}

Door::Door(zmq::context_t& context, const DoorSettings& settings, std::string folder)
    : context_(context), settings_(settings), folder_(std::move(folder)) {
  control_ = make(ZMQ_ROUTER, kAnyAgent);
  results_ = make(ZMQ_PULL, kAnyAgent);
  control_place_ = bind(control_, "control");
  results_place_ = bind(results_, "agents");
}

Door::Door(zmq::context_t& context, const DoorSettings& settings, KeyPair keys, Ports& ports,
           std::vector<std::string> addresses)
    : context_(context),
      settings_(settings),
      keys_(std::move(keys)),
      ports_(&ports),
      addresses_(std::move(addresses)) {
  control_ = make(ZMQ_ROUTER, kAnyAgent);
  results_ = make(ZMQ_PULL, kAnyAgent);
  control_place_ = bind(control_, {});
  results_place_ = bind(results_, {});
}

zmq::socket_t Door::make(int type, const std::string& domain) const {
  zmq::socket_t socket(context_, type);
  socket.set(zmq::sockopt::linger, 0);
  socket.set(zmq::sockopt::backlog, kBacklog);
  socket.set(zmq::sockopt::handshake_ivl, kHandshakeMs);
  const auto lease = static_cast<int>(duration_cast<milliseconds>(settings_.lease).count());
  socket.set(zmq::sockopt::heartbeat_ivl, std::max(lease / 5, 100));
  socket.set(zmq::sockopt::heartbeat_timeout, lease);
  socket.set(zmq::sockopt::heartbeat_ttl, lease);
  if (type == ZMQ_PUSH) {
    socket.set(zmq::sockopt::sndhwm, settings_.window * 2);
    socket.set(zmq::sockopt::rcvhwm, 1);  // nobody reads what a rogue might send there
    socket.set(zmq::sockopt::maxmsgsize, std::int64_t{1024});
  } else if (type == ZMQ_PULL) {
    socket.set(zmq::sockopt::rcvhwm, settings_.window * 2);
    socket.set(zmq::sockopt::maxmsgsize,
               static_cast<std::int64_t>(settings_.max_message_bytes) + kBatchRoom);
  } else {
    socket.set(zmq::sockopt::maxmsgsize, kMostControlBytes);
  }
  if (is_private()) return socket;
  socket.set(zmq::sockopt::ipv6, true);
  socket.set(zmq::sockopt::curve_server, true);
  socket.set(zmq::sockopt::curve_secretkey, keys_.secret_key);
  socket.set(zmq::sockopt::zap_domain, domain);
  const int on = 1;  // without a gatekeeper nobody comes in, rather than everybody
  if (zmq_setsockopt(socket.handle(), kZapEnforceDomain, &on, sizeof on) != 0)
    throw std::runtime_error("this ZeroMQ cannot be told to let nobody in without a handler");
  return socket;
}

Door::Place Door::bind(zmq::socket_t& socket, const std::string& name) {
  Place place;
  if (is_private()) {
    place.path = folder_ + "/" + name;
    socket.bind("ipc://" + place.path);
  } else {
    place.port = ports_->bind(socket);
  }
  return place;
}

Door::Tasks Door::open(const std::string& name) {
  Tasks tasks{make(ZMQ_PUSH, name), {}};
  tasks.place = bind(tasks.socket, name);
  return tasks;
}

void Door::close(const Place& place) {
  if (!place.path.empty()) unlink(place.path.c_str());
  if (place.port != 0) ports_->give_back(place.port);
}

std::vector<std::string> Door::endpoints(const Place& place) const {
  std::vector<std::string> all;
  for (const std::string& address : addresses_) {
    const bool v6 = address.find(':') != std::string::npos;
    all.push_back("tcp://" + (v6 ? "[" + address + "]" : address) + ":" +
                  std::to_string(place.port));
  }
  return all;
}

std::vector<std::string> own_addresses() {
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) return {"127.0.0.1"};
  const std::unique_ptr<ifaddrs, decltype(&freeifaddrs)> owner(list, &freeifaddrs);
  std::vector<std::string> addresses;
  for (const ifaddrs* at = list; at != nullptr; at = at->ifa_next) {
    if (at->ifa_addr == nullptr || (at->ifa_flags & IFF_UP) == 0 ||
        (at->ifa_flags & IFF_LOOPBACK) != 0)
      continue;
    std::array<char, INET6_ADDRSTRLEN> text{};
    const int family = at->ifa_addr->sa_family;
    const void* bytes = nullptr;
    if (family == AF_INET) {
      bytes = &reinterpret_cast<const sockaddr_in*>(at->ifa_addr)->sin_addr;
    } else if (family == AF_INET6) {
      const auto* const v6 = reinterpret_cast<const sockaddr_in6*>(at->ifa_addr);
      if (IN6_IS_ADDR_LINKLOCAL(&v6->sin6_addr)) continue;  // means nothing without a scope
      bytes = &v6->sin6_addr;
    }
    if (bytes != nullptr && inet_ntop(family, bytes, text.data(), text.size()) != nullptr)
      addresses.emplace_back(text.data());
  }
  if (addresses.empty()) addresses.emplace_back("127.0.0.1");
  return addresses;
}

}  // namespace flagship::hosts
