// SPDX-License-Identifier: MIT
#include "master/cli/hosts_table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <optional>
#include <thread>
#include <utility>

#include "common/units.hpp"
#include "common/version.hpp"
#include "flagship/executor.hpp"
#include "worker/fetch/runner_tasks.hpp"

namespace flagship::cli {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;
using Bytes = std::vector<std::byte>;

constexpr std::size_t kProbeBytes = std::size_t{4} << 20;
constexpr milliseconds kLookAgain{50};
constexpr milliseconds kEchoLimit{60'000};
constexpr std::chrono::seconds kWorthMentioning{1};  // of what clocks differ by

/// One entry of the file with a pool of its own, so that what it is given goes nowhere else.
struct Check {
  const Host* host = nullptr;
  std::unique_ptr<ProcessPoolExecutor> pool;
  std::vector<HostStatus> agents;
  std::optional<double> bytes_a_second;  // there and back
  std::string trouble;
};

Check begin(const Hosts& hosts, const Host& host, const std::string& worker_program) {
  Check check;
  check.host = &host;
  PoolOptions options;
  options.hosts = Hosts{{host}, hosts.security, hosts.lease};
  options.worker_executable = worker_program;
  options.eager = true;
  options.name = "check";
  options.max_running = std::max(1, host.workers) * host.agents;
  options.output = [](const WorkerOutput&) {};  // the table says it
  try {
    check.pool = std::make_unique<ProcessPoolExecutor>(std::move(options));
    const std::vector<HostStatus> agents = check.pool->status().hosts;
    if (!agents.empty() && !agents.front().join_at.empty())
      fmt::print(stderr, "host '{}': its agents may join at {}\n", host.name,
                 agents.front().join_at);
  } catch (const std::exception& error) {
    check.trouble = error.what();
  }
  return check;
}

bool is_settled(const HostStatus& agent) {
  return agent.state == HostState::ready || !agent.trouble.empty();
}

void wait_for_agents(std::vector<Check>& checks, Clock::time_point until) {
  for (Check& check : checks) {
    while (check.pool) {
      check.agents = check.pool->status().hosts;
      const bool settled = !check.agents.empty() &&
                           std::all_of(check.agents.begin(), check.agents.end(), is_settled);
      if (settled || Clock::now() >= until) break;
      std::this_thread::sleep_for(kLookAgain);
    }
  }
}

void time(Check& check) {
  const bool any = std::any_of(check.agents.begin(), check.agents.end(),
                               [](const HostStatus& it) { return it.state == HostState::ready; });
  if (!any) return;
  try {
    const Bytes bytes(kProbeBytes);
    const auto echo = [&check](const Bytes& what) {
      check.pool->submit_named<Bytes>(worker::kEchoTask, what).result(kEchoLimit);
    };
    echo({});  // whatever the first call costs
    const Clock::time_point begin = Clock::now();
    echo(bytes);
    const std::chrono::duration<double> took = Clock::now() - begin;
    check.bytes_a_second = 2.0 * static_cast<double>(kProbeBytes) / took.count();
    check.agents = check.pool->status().hosts;
  } catch (const std::exception& error) {
    check.trouble = error.what();
  }
}

std::string size_of(double bytes) {
  for (const char* unit : {"B", "KB", "MB", "GB"}) {
    if (bytes < 1000) return fmt::format("{:.{}f} {}", bytes, bytes < 10 ? 1 : 0, unit);
    bytes /= 1000;
  }
  return fmt::format("{:.1f} TB", bytes);
}

std::string skew_of(duration skew) {
  if (skew == duration::zero()) return "-";
  return (skew < duration::zero() ? "-" : "+") +
         format_duration(skew < duration::zero() ? -skew : skew);
}

const char* state_of(const HostStatus& agent) {
  if (agent.state == HostState::ready) return "ok";
  return agent.trouble.empty() ? "waiting" : "FAILED";
}

std::string row(const std::vector<std::string>& cells) {
  return fmt::format("{:<16} {:<8} {:<20} {:<9} {:>5} {:>8} {:>10} {:>10} {:>10}\n", cells[0],
                     cells[1], cells[2], cells[3], cells[4], cells[5], cells[6], cells[7],
                     cells[8]);
}

void add_agent(HostsTable& table, const Check& check, const HostStatus& agent) {
  const auto or_dash = [](std::string text) { return text.empty() ? "-" : text; };
  const bool ready = agent.state == HostState::ready;
  table.text += row({agent.name, state_of(agent), or_dash(agent.host), or_dash(agent.version),
                     agent.cpus > 0 ? std::to_string(agent.cpus) : "-",
                     agent.memory > 0 ? size_of(static_cast<double>(agent.memory)) : "-",
                     agent.round_trip > duration::zero() ? format_duration(agent.round_trip) : "-",
                     ready && check.bytes_a_second ? size_of(*check.bytes_a_second) + "/s" : "-",
                     skew_of(agent.clock_skew)});
  if (!ready && agent.trouble.empty())
    table.troubles.push_back("host '" + agent.name + "' has not come yet" +
                             (check.host->launcher == HostLauncher::slurm
                                  ? ": its allocation waits in the queue, see squeue"
                                  : "; --timeout waits longer"));
  else if (!ready)
    table.troubles.push_back("host '" + agent.name + "': " + agent.trouble);
  if (agent.clock_skew > kWorthMentioning || -agent.clock_skew > kWorthMentioning)
    table.troubles.push_back("host '" + agent.name + "': its clock differs from this one's by " +
                             skew_of(agent.clock_skew) + "; let both keep time by NTP");
}

}  // namespace

HostsTable check_each(const Hosts& hosts, const std::string& worker_program, milliseconds limit) {
  std::vector<Check> checks;
  for (const Host& host : hosts.hosts) checks.push_back(begin(hosts, host, worker_program));
  wait_for_agents(checks, Clock::now() + limit);
  HostsTable table;
  table.text = row(
      {"HOST", "STATE", "ITS NAME", "VERSION", "CPUS", "MEMORY", "ROUND TRIP", "BYTES", "CLOCK"});
  for (Check& check : checks) {
    time(check);
    for (const HostStatus& agent : check.agents) add_agent(table, check, agent);
    if (!check.trouble.empty())
      table.troubles.push_back("host '" + check.host->name + "': " + check.trouble);
    if (check.agents.empty())
      table.text += row({check.host->name, "FAILED", "-", "-", "-", "-", "-", "-", "-"});
  }
  for (Check& check : checks)
    if (check.pool) check.pool->shutdown({.wait = false, .cancel_futures = true});
  return table;
}

}  // namespace flagship::cli
