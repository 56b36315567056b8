// SPDX-License-Identifier: MIT
#include "worker/fetch/address_policy.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <cstring>

#include "worker/fetch/text.hpp"

namespace flagship::fetch {
namespace {

using Bytes = std::array<std::uint8_t, 16>;

struct Range {
  Bytes start;
  int bits;
  std::string_view purpose;
};

constexpr Bytes v4(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d) {
  return {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, a, b, c, d};
}

// The first words of an IPv6 address; the others are zero.
constexpr Bytes v6(std::uint16_t a, std::uint16_t b = 0, std::uint16_t c = 0) {
  return {static_cast<std::uint8_t>(a >> 8), static_cast<std::uint8_t>(a),
          static_cast<std::uint8_t>(b >> 8), static_cast<std::uint8_t>(b),
          static_cast<std::uint8_t>(c >> 8), static_cast<std::uint8_t>(c)};
}

constexpr Bytes kLoopback6{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};

// After IANA's special-purpose registries; the first that matches counts.
constexpr Range kSpecial[] = {
    {v4(0, 0, 0, 0), 104, "an unspecified address"},
    {v4(10, 0, 0, 0), 104, "a private address"},
    {v4(100, 64, 0, 0), 106, "a carrier's shared address"},
    {v4(127, 0, 0, 0), 104, "a loopback address"},
    {v4(169, 254, 0, 0), 112, "a link-local address"},
    {v4(172, 16, 0, 0), 108, "a private address"},
    {v4(192, 0, 0, 0), 120, "a reserved address"},
    {v4(192, 0, 2, 0), 120, "a reserved address"},
    {v4(192, 88, 99, 0), 120, "a reserved address"},
    {v4(192, 168, 0, 0), 112, "a private address"},
    {v4(198, 18, 0, 0), 111, "a reserved address"},
    {v4(198, 51, 100, 0), 120, "a reserved address"},
    {v4(203, 0, 113, 0), 120, "a reserved address"},
    {v4(224, 0, 0, 0), 100, "a multicast address"},
    {v4(255, 255, 255, 255), 128, "a broadcast address"},
    {v4(240, 0, 0, 0), 100, "a reserved address"},
    {Bytes{}, 128, "an unspecified address"},
    {kLoopback6, 128, "a loopback address"},
    {v6(0x0064, 0xFF9B, 0x0001), 48, "a private address"},
    {v6(0x0100), 64, "a reserved address"},
    {v6(0x2001, 0x0000), 32,
     "a reserved address"},  // Teredo: an IPv4 host behind an address translator
    {v6(0x2001, 0x0DB8), 32, "a reserved address"},
    {v6(0x3FFF), 20, "a reserved address"},
    {v6(0x5F00), 16, "a reserved address"},
    {v6(0xFC00), 7, "a private address"},
    {v6(0xFE80), 10, "a link-local address"},
    {v6(0xFEC0), 10, "a private address"},
    {v6(0xFF00), 8, "a multicast address"},
};

bool within(const Bytes& address, const Bytes& start, int bits) {
  const auto whole = static_cast<std::size_t>(bits / 8);
  if (!std::equal(start.begin(), start.begin() + bits / 8, address.begin())) return false;
  const int rest = bits % 8;
  return rest == 0 || (address[whole] >> (8 - rest)) == (start[whole] >> (8 - rest));
}

Bytes v4_at(const Bytes& address, std::size_t offset) {
  return v4(address[offset], address[offset + 1], address[offset + 2], address[offset + 3]);
}

constexpr Bytes kMapped = v4(0, 0, 0, 0);
constexpr Bytes kTranslated{0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
constexpr Bytes kNat64 = v6(0x0064, 0xFF9B);
constexpr Bytes kSixToFour = v6(0x2002);

// The IPv4 address that a packet to `address` would reach in the end.
Bytes innermost(const Bytes& address) {
  if (within(address, kMapped, 96) || address == Bytes{} || address == kLoopback6) return address;
  if (within(address, Bytes{}, 96)) return v4_at(address, 12);
  if (within(address, kTranslated, 96)) return v4_at(address, 12);
  if (within(address, kNat64, 96)) return v4_at(address, 12);
  if (within(address, kSixToFour, 16)) return v4_at(address, 2);
  return address;
}

std::optional<Bytes> parse_address(const std::string& text) {
  in_addr four{};
  Bytes six{};
  if (inet_pton(AF_INET, text.c_str(), &four) == 1) {
    Bytes mapped = kMapped;
    std::memcpy(mapped.data() + 12, &four, 4);
    return mapped;
  }
  if (inet_pton(AF_INET6, text.c_str(), six.data()) == 1) return six;
  return std::nullopt;
}

}  // namespace

std::optional<Endpoint> endpoint_of(const sockaddr& address) {
  Endpoint endpoint;
  if (address.sa_family == AF_INET) {
    sockaddr_in four{};
    std::memcpy(&four, &address, sizeof four);
    endpoint.address = kMapped;
    std::memcpy(endpoint.address.data() + 12, &four.sin_addr, 4);
    endpoint.port = ntohs(four.sin_port);
    return endpoint;
  }
  if (address.sa_family == AF_INET6) {
    sockaddr_in6 six{};
    std::memcpy(&six, &address, sizeof six);
    std::memcpy(endpoint.address.data(), &six.sin6_addr, 16);
    endpoint.port = ntohs(six.sin6_port);
    return endpoint;
  }
  return std::nullopt;
}

std::optional<Endpoint> parse_endpoint(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const auto port = digits(text.substr(colon + 1));
  if (!port || *port == 0 || *port > 65535) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string_view::npos) {
    return std::nullopt;
  }
  const auto address = parse_address(std::string(host));
  if (!address) return std::nullopt;
  return Endpoint{*address, static_cast<std::uint16_t>(*port)};
}

std::string address_text(const Endpoint& endpoint) {
  char text[INET6_ADDRSTRLEN] = "";
  const auto& bytes = endpoint.address;
  if (within(bytes, kMapped, 96)) {
    inet_ntop(AF_INET, bytes.data() + 12, text, sizeof text);
  } else {
    inet_ntop(AF_INET6, bytes.data(), text, sizeof text);
  }
  return text;
}

std::string_view special_purpose(const Endpoint& endpoint) {
  const Bytes address = innermost(endpoint.address);
  for (const Range& range : kSpecial) {
    if (within(address, range.start, range.bits)) return range.purpose;
  }
  return {};
}

AddressPolicy::AddressPolicy(bool allow_private, std::string_view trusted)
    : allow_private_(allow_private), trusted_(parse_endpoint(trusted)) {}

bool AddressPolicy::allows(const Endpoint& endpoint) const {
  return allow_private_ || endpoint == trusted_ || special_purpose(endpoint).empty();
}

}  // namespace flagship::fetch
