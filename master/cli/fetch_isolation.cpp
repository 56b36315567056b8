// SPDX-License-Identifier: MIT
#include "master/cli/fetch_isolation.hpp"

namespace flagship::cli {
namespace {

/// "landlock (ABI 7), seccomp"
std::string in_state(const WorkerStatus& worker, LayerState state) {
  std::string names;
  for (const IsolationLayer& layer : worker.isolation) {
    if (layer.state != state) continue;
    if (!names.empty()) names += ", ";
    names += layer.name;
    if (!layer.detail.empty()) names += " (" + layer.detail + ")";
  }
  return names;
}

}  // namespace

Isolation isolation_of_downloads(const std::string& output) {
  Isolation isolation;
  isolation.no_new_privs = true;
  isolation.seccomp = true;
  isolation.connect_only = true;
  isolation.writable.emplace();
  if (!output.empty()) isolation.writable->push_back(output);
  return isolation;
}

std::string isolation_line(const PoolStatus& status) {
  for (const WorkerStatus& worker : status.workers) {
    if (worker.isolation.empty()) continue;
    const std::string missing = in_state(worker, LayerState::unavailable);
    return "Workers are isolated by " + in_state(worker, LayerState::on) +
           (missing.empty() ? "" : "; not by " + missing) + ".";
  }
  return "";
}

}  // namespace flagship::cli
