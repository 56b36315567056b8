// SPDX-License-Identifier: MIT
#include "master/hosts/gatekeeper.hpp"

#include <array>
#include <utility>

#include "master/hosts/door.hpp"

namespace flagship::hosts {
namespace {

constexpr std::size_t kKeyBytes = 32;
constexpr std::size_t kMostRemembered = 16;

std::string z85(std::string_view key) {
  std::array<char, 41> text{};
  zmq_z85_encode(text.data(), reinterpret_cast<const std::uint8_t*>(key.data()), key.size());
  return text.data();
}

}  // namespace

struct Gatekeeper::Request {  // frames of RFC 27, in this order
  enum { kVersion, kId, kDomain, kAddress, kIdentity, kMechanism, kKey };
  std::vector<std::string> frames;
  std::string at(std::size_t i) const { return i < frames.size() ? frames[i] : std::string(); }
};

Gatekeeper::Gatekeeper(zmq::context_t& context) : requests_(context, ZMQ_REP) {
  requests_.set(zmq::sockopt::linger, 0);
  requests_.bind("inproc://zeromq.zap.01");
}

void Gatekeeper::let_in(const std::string& public_key, const std::string& name) {
  names_[public_key] = name;
}

void Gatekeeper::strike(const std::string& public_key) { names_.erase(public_key); }

bool Gatekeeper::knows(const Request& request, std::string& name) const {
  if (request.at(Request::kVersion) != "1.0" || request.at(Request::kMechanism) != "CURVE" ||
      request.at(Request::kKey).size() != kKeyBytes)
    return false;
  const auto at = names_.find(z85(request.at(Request::kKey)));
  if (at == names_.end()) return false;
  name = at->second;
  const std::string domain = request.at(Request::kDomain);
  return domain == kAnyAgent || domain == name;
}

void Gatekeeper::answer(const Request& request) {
  std::string name;
  const bool known = knows(request, name);
  if (!known) {
    ++refused_;
    if (refusals_.size() < kMostRemembered) refusals_.push_back(request.at(Request::kAddress));
  }
  const std::array<std::string, 6> reply{"1.0",
                                         request.at(Request::kId),
                                         known ? "200" : "400",
                                         known ? "OK" : "no ticket of this pool",
                                         known ? name : "",
                                         ""};
  for (std::size_t i = 0; i < reply.size(); ++i)
    requests_.send(zmq::buffer(reply[i]), i + 1 < reply.size()
                                              ? zmq::send_flags::sndmore | zmq::send_flags::dontwait
                                              : zmq::send_flags::dontwait);
}

void Gatekeeper::read() {
  for (;;) {
    Request request;
    zmq::message_t frame;
    do {
      if (!requests_.recv(frame, zmq::recv_flags::dontwait)) return;
      request.frames.push_back(frame.to_string());
    } while (frame.more());
    answer(request);
  }
}

}  // namespace flagship::hosts
