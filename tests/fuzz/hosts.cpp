// SPDX-License-Identifier: MIT
// The file that names the hosts of a pool.
#include "flagship/hosts.hpp"

#include <algorithm>
#include <chrono>
#include <set>
#include <stdexcept>
#include <string>

#include "tests/fuzz/target.hpp"

namespace {

using flagship::Host;
using flagship::HostLauncher;
using flagship::fuzz::check;

bool is_name(const std::string& name) {
  constexpr std::string_view kMay =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
  return !name.empty() && name.find_first_not_of(kMay) == std::string::npos &&
         name.front() != '-' && name.front() != '.';
}

/// What goes into arguments must stay one, and none that is an option.
bool is_word(const std::string& text) {
  return std::none_of(text.begin(), text.end(),
                      [](char c) { return static_cast<unsigned char>(c) < ' '; });
}

void check_host(const Host& host) {
  check(is_name(host.name), "a host has a name of letters that may be in one");
  check(host.workers >= 0 && host.workers <= 10'000, "workers are 0 to 10000");
  check(host.agents >= 1 && host.agents <= 10'000, "agents are 1 to 10000");
  check((host.launcher == HostLauncher::ssh) == !host.address.empty(), "ssh has an address");
  check(host.address.empty() || host.address.front() != '-', "an address is no option");
  check((host.launcher == HostLauncher::none) == !host.keys.empty(), "those who join have keys");
  for (const std::string& text :
       {host.address, host.executable, host.partition, host.account, host.constraint, host.keys})
    check(is_word(text), "a value has no control character");
}

}  // namespace

FUZZ_TARGET(hosts) {
  using namespace std::chrono_literals;
  try {
    const flagship::Hosts read = flagship::Hosts::from_text(bytes, "file");
    check(!read.hosts.empty(), "there is a host");
    std::set<std::string> names;
    int local = 0;
    for (const Host& host : read.hosts) {
      check_host(host);
      check(names.insert(host.name).second, "no two hosts have one name");
      local += host.launcher == HostLauncher::local ? 1 : 0;
    }
    check(local <= 1, "this machine is there once");
    check(read.lease >= 1s, "a lease is a second at least");
    check(read.security.first_port <= read.security.last_port, "ports go upwards");
  } catch (const std::invalid_argument& error) {
    check(std::string_view(error.what()).starts_with("file:"), "a refusal names the file");
  }
}
