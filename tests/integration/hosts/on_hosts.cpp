// SPDX-License-Identifier: MIT
#include "tests/integration/hosts/on_hosts.hpp"

#include <sstream>

namespace flagship::testing {

std::map<int, SpreadCall> calls_of(const std::string& out) {
  std::map<int, SpreadCall> calls;
  std::istringstream lines(out);
  std::string number;
  for (SpreadCall call; std::getline(lines, number, '\t') &&
                        std::getline(lines, call.ending, '\t') &&
                        std::getline(lines, call.host, '\t') && std::getline(lines, call.own_name);)
    EXPECT_TRUE(calls.emplace(std::stoi(number), call).second) << number << " ended twice";
  return calls;
}

std::size_t count_of(const std::map<int, SpreadCall>& calls, const std::string& ending) {
  std::size_t count = 0;
  for (const auto& [number, call] : calls) count += call.ending == ending ? 1 : 0;
  return count;
}

std::map<std::string, std::size_t> calls_by_host(const std::map<int, SpreadCall>& calls) {
  std::map<std::string, std::size_t> hosts;
  for (const auto& [number, call] : calls)
    if (call.own_name != "-") ++hosts[call.own_name];
  return hosts;
}

}  // namespace flagship::testing
