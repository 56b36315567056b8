// SPDX-License-Identifier: MIT
// An address and port as text, and as the system tells them.
#include <algorithm>
#include <string>

#include "tests/fuzz/target.hpp"
#include "worker/fetch/address_policy.hpp"

FUZZ_TARGET(endpoint) {
  using namespace flagship::fetch;
  using flagship::fuzz::check;
  const auto endpoint = parse_endpoint(bytes);
  const AddressPolicy policy(false, bytes);
  if (endpoint) {
    const std::string address = address_text(*endpoint);
    const bool six = address.find(':') != std::string::npos;
    const std::string text =
        (six ? "[" + address + "]" : address) + ":" + std::to_string(endpoint->port);
    check(parse_endpoint(text) == endpoint, "it is the same when written");
    check(policy.allows(*endpoint), "the trusted one is allowed");
  }
  Endpoint any;
  std::memcpy(any.address.data(), bytes.data(), std::min(bytes.size(), any.address.size()));
  check(policy.allows(any) == (special_purpose(any).empty() || endpoint == any),
        "only public ones are, besides");
}
