// SPDX-License-Identifier: MIT
#include "worker/fetch/address_policy.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/un.h>

namespace flagship::fetch {
namespace {

std::string_view purpose(const std::string& address) {
  const bool six = address.find(':') != std::string::npos;
  const auto endpoint = parse_endpoint((six ? "[" + address + "]" : address) + ":80");
  EXPECT_TRUE(endpoint) << address;
  return endpoint ? special_purpose(*endpoint) : "?";
}

TEST(AddressPolicy, KnowsWhatAddressesAreFor) {
  const std::pair<const char*, const char*> kCases[] = {
      {"127.0.0.1", "a loopback address"},
      {"127.255.255.254", "a loopback address"},
      {"::1", "a loopback address"},
      {"0.0.0.0", "an unspecified address"},
      {"0.1.2.3", "an unspecified address"},
      {"::", "an unspecified address"},
      {"10.0.0.1", "a private address"},
      {"172.16.0.1", "a private address"},
      {"172.31.255.255", "a private address"},
      {"192.168.1.1", "a private address"},
      {"fc00::1", "a private address"},
      {"fdff::1", "a private address"},
      {"fec0::1", "a private address"},
      {"100.64.0.1", "a carrier's shared address"},
      {"100.127.255.255", "a carrier's shared address"},
      {"169.254.169.254", "a link-local address"},
      {"fe80::1", "a link-local address"},
      {"febf::1", "a link-local address"},
      {"224.0.0.1", "a multicast address"},
      {"239.255.255.255", "a multicast address"},
      {"ff02::1", "a multicast address"},
      {"255.255.255.255", "a broadcast address"},
      {"240.0.0.1", "a reserved address"},
      {"198.18.0.1", "a reserved address"},
      {"2001:db8::1", "a reserved address"},
      {"2001::1", "a reserved address"},
  };
  for (const auto& [address, expected] : kCases) EXPECT_EQ(purpose(address), expected) << address;
}

TEST(AddressPolicy, LooksInsideAddressesThatCarryAnother) {
  for (const char* address : {"::ffff:127.0.0.1", "::127.0.0.1", "::ffff:0:127.0.0.1",
                              "64:ff9b::127.0.0.1", "2002:7f00:1::", "2002:7f00:0001:abcd::1"}) {
    EXPECT_EQ(purpose(address), "a loopback address") << address;
  }
  EXPECT_EQ(purpose("64:ff9b::10.0.0.1"), "a private address");
  EXPECT_EQ(purpose("64:ff9b:1::1"), "a private address");
  EXPECT_EQ(purpose("2002:c0a8:0101::"), "a private address");
}

TEST(AddressPolicy, FindsNothingSpecialInPublicAddresses) {
  for (const char* address :
       {"1.1.1.1", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.0.0.1",
        "128.0.0.1", "169.253.0.1", "172.15.0.1", "172.32.0.1", "192.167.0.1", "223.255.255.1",
        "2606:4700::1111", "2a00:1450::1", "::ffff:1.1.1.1", "64:ff9b::1.1.1.1",
        "2002:101:101::", "2001:4860:4860::8888"}) {
    EXPECT_EQ(purpose(address), "") << address;
  }
}

TEST(AddressPolicy, AllowsPublicAddressesOnlyUnlessToldOtherwise) {
  const AddressPolicy strict(false, "");
  const AddressPolicy open(true, "");
  EXPECT_TRUE(strict.allows(*parse_endpoint("1.1.1.1:80")));
  EXPECT_FALSE(strict.allows(*parse_endpoint("127.0.0.1:80")));
  EXPECT_TRUE(open.allows(*parse_endpoint("127.0.0.1:80")));
}

TEST(AddressPolicy, TrustsOneEndpointInAnySpellingAndNoOtherPort) {
  const AddressPolicy policy(false, "127.0.0.1:40123");
  EXPECT_TRUE(policy.allows(*parse_endpoint("127.0.0.1:40123")));
  EXPECT_TRUE(policy.allows(*parse_endpoint("[::ffff:127.0.0.1]:40123")));
  EXPECT_FALSE(policy.allows(*parse_endpoint("127.0.0.1:40124")));
  EXPECT_FALSE(policy.allows(*parse_endpoint("127.0.0.2:40123")));
  EXPECT_TRUE(AddressPolicy(false, "[::1]:9").allows(*parse_endpoint("[::1]:9")));
}

TEST(AddressPolicy, TrustsNothingThatItCannotRead) {
  for (const char* text : {"", "127.0.0.1", "localhost:80", "::1:80", "127.0.0.1:0",
                           "127.0.0.1:65536", "127.0.0.1:x", "[127.0.0.1:80", ":80", "[]:80"}) {
    EXPECT_FALSE(parse_endpoint(text)) << text;
    EXPECT_FALSE(AddressPolicy(false, text).allows(*parse_endpoint("127.0.0.1:80")));
  }
}

TEST(AddressPolicy, ReadsSocketAddressesOfTheInternetOnly) {
  sockaddr_in four{};
  four.sin_family = AF_INET;
  four.sin_port = htons(80);
  four.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(endpoint_of(reinterpret_cast<const sockaddr&>(four)), parse_endpoint("127.0.0.1:80"));
  sockaddr_un local{};
  local.sun_family = AF_UNIX;
  EXPECT_FALSE(endpoint_of(reinterpret_cast<const sockaddr&>(local)));
}

TEST(AddressPolicy, WritesAddressesAsPeopleDo) {
  EXPECT_EQ(address_text(*parse_endpoint("10.1.2.3:80")), "10.1.2.3");
  EXPECT_EQ(address_text(*parse_endpoint("[::ffff:10.1.2.3]:80")), "10.1.2.3");
  EXPECT_EQ(address_text(*parse_endpoint("[fd00:0::1]:80")), "fd00::1");
}

}  // namespace
}  // namespace flagship::fetch
