// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "flagship/hosts.hpp"

namespace flagship::cli {

struct HostsTable {
  std::string text;
  std::vector<std::string> troubles;  // a sentence each, with what to do where that is known
};

/// Starts, greets, times and stops each host by itself, all at once; `limit`: for them to come.
HostsTable check_each(const Hosts& hosts, const std::string& worker_program,
                      std::chrono::milliseconds limit);

}  // namespace flagship::cli
