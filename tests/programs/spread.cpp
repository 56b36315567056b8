// SPDX-License-Identifier: MIT
// Spreads calls over the hosts of a file and prints, for each as it ends, its number, how it ended,
// what its pool calls the host, and what that host calls itself.
//
//   test_spread HOSTS CALLS MILLISECONDS [together]: begins when all hosts are ready
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <flagship/flagship.hpp>
#include <iostream>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace {

std::string where(std::uint32_t milliseconds) {
  std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds));
  std::array<char, 256> name{};
  gethostname(name.data(), name.size() - 1);
  return name.data();
}

bool all_are_ready(const flagship::ProcessPoolExecutor& pool) {
  const auto hosts = pool.status().hosts;
  return std::all_of(hosts.begin(), hosts.end(), [](const flagship::HostStatus& host) {
    return host.state == flagship::HostState::ready;
  });
}

}  // namespace

int main(int argc, char** argv) {
  flagship::init(argc, argv);
  if (argc < 4) return 2;
  const auto milliseconds = static_cast<std::uint32_t>(std::stoul(argv[3]));
  std::mutex output;
  flagship::ProcessPoolExecutor pool({.eager = true, .hosts = flagship::Hosts::from_file(argv[1])});
  while (argc > 4 && !all_are_ready(pool))
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  for (int i = 0, calls = std::stoi(argv[2]); i < calls; ++i) {
    pool.submit<where>(milliseconds).add_done_callback([i, &output](const auto& done) {
      const auto outcome = done.try_outcome();
      const std::string host = outcome->host.empty() ? "-" : outcome->host;
      const bool returned = outcome->ending == flagship::Ending::returned;
      const std::lock_guard lock(output);
      std::cout << i << '\t' << to_string(outcome->ending) << '\t' << host << '\t'
                << (returned ? done.result() : "-") << std::endl;
    });
  }
  pool.shutdown();
}
