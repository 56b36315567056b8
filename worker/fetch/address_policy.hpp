// SPDX-License-Identifier: MIT
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace flagship::fetch {

/// An address and port; IPv4 in its IPv6-mapped form, so that both spellings of one are equal.
struct Endpoint {
  std::array<std::uint8_t, 16> address{};
  std::uint16_t port = 0;
  bool operator==(const Endpoint&) const = default;
};

/// Nothing for families other than IPv4 and IPv6.
std::optional<Endpoint> endpoint_of(const sockaddr& address);
/// Reads "127.0.0.1:80" and "[::1]:80".
std::optional<Endpoint> parse_endpoint(std::string_view text);
/// The address alone: "127.0.0.1", "::1".
std::string address_text(const Endpoint& endpoint);

/// What an address is for, if that is anything but a host of the public Internet: "a loopback
/// address". Addresses that carry an IPv4 one inside (mapped, compatible, NAT64, 6to4) are what
/// that one is. Empty: public.
std::string_view special_purpose(const Endpoint& endpoint);

/// Which addresses a transfer may connect to. A value, without sockets.
class AddressPolicy {
 public:
  AddressPolicy() = default;
  /// `trusted`: the one endpoint that is allowed whatever it is; one that cannot be read allows
  /// nothing.
  AddressPolicy(bool allow_private, std::string_view trusted);

  bool allows(const Endpoint& endpoint) const;

 private:
  bool allow_private_ = false;
  std::optional<Endpoint> trusted_;
};

}  // namespace flagship::fetch
