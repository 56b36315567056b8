// SPDX-License-Identifier: MIT
#include "master/hosts/slurm.hpp"

#include <signal.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <sstream>
#include <utility>

#include "master/hosts/remote_script.hpp"
#include "master/hosts/slurm_troubles.hpp"

namespace flagship::hosts {
namespace {

std::string minutes(duration time) {
  return std::to_string(
      std::max<std::int64_t>(1, std::chrono::ceil<std::chrono::minutes>(time).count()));
}

// What Slurm itself says; the agent may have said something like it.
Cause trouble_of(const End& end) {
  End of_slurm;
  of_slurm.host = "Slurm";
  std::istringstream lines(end.death.stderr_tail);
  for (std::string line; std::getline(lines, line);)
    if (line.starts_with("srun: ") || line.starts_with("slurmstepd"))
      of_slurm.death.stderr_tail += line + '\n';
  return known_cause(kSlurmTroubles, of_slurm);
}

}  // namespace

Allocation Allocation::around_us() {
  const char* const job = std::getenv("SLURM_JOB_ID");
  const char* const nodes = std::getenv("SLURM_JOB_NUM_NODES");
  if (job == nullptr || nodes == nullptr) return {};
  return {std::atoi(nodes)};
}

Slurm::Slurm(const Host& host, AgentProgram program, Allocation allocation)
    : host_(host),
      program_(std::move(program)),
      allocation_(allocation),
      agents_on_(static_cast<std::size_t>(std::max(allocation.nodes, 0))) {}

// Without --unbuffered, which would make the agent's output a terminal.
std::vector<std::string> Slurm::command(const AgentStart& start) {
  std::vector<std::string> words{"srun",       "--nodes=1",
                                 "--ntasks=1", "--kill-on-bad-exit=0",
                                 "--no-kill",  "--job-name=flagship"};
  const auto add = [&](const std::vector<std::string>& more) {
    words.insert(words.end(), more.begin(), more.end());
  };
  add(allocation_.nodes > 0 ? step_options(start.agent) : job_options());
  add(host_.slurm_options);
  add(run_script(host_.executable.empty() ? program_.path() : host_.executable));
  return words;
}

std::vector<std::string> Slurm::job_options() const {
  std::vector<std::string> words;
  if (!host_.partition.empty()) words.push_back("--partition=" + host_.partition);
  if (!host_.account.empty()) words.push_back("--account=" + host_.account);
  if (!host_.constraint.empty()) words.push_back("--constraint=" + host_.constraint);
  if (host_.time) words.push_back("--time=" + minutes(*host_.time));
  words.push_back(host_.workers > 0 ? "--cpus-per-task=" + std::to_string(host_.workers)
                                    : std::string("--exclusive"));  // or it would be one CPU
  return words;
}

// All of a node, beside whatever runs there already: this process may be among that.
std::vector<std::string> Slurm::step_options(AgentRef agent) {
  return {"--overlap", "--relative=" + std::to_string(take_node(agent))};
}

std::size_t Slurm::take_node(AgentRef agent) {
  const auto emptiest =
      std::min_element(agents_on_.begin(), agents_on_.end(),
                       [](const auto& a, const auto& b) { return a.size() < b.size(); });
  emptiest->push_back(agent);
  return static_cast<std::size_t>(emptiest - agents_on_.begin());
}

void Slurm::forget(AgentRef agent) {
  for (auto& agents : agents_on_) std::erase(agents, agent);
}

std::string Slurm::missing() const {
  return "srun is not on this machine: start on one from which jobs can be submitted (Debian: "
         "slurm-client)";
}

// It takes what it has begun with it, in the queue too. Not its group: there it keeps a process
// that ends the job for it should it be killed.
void Slurm::kill(const ChildProcess& carrier) const { carrier.signal(SIGTERM); }

Cause Slurm::explain(End end) const {
  end.carrier = "srun";
  end.host = "Slurm's node";
  if (!end.stopped)  // srun exits with 0 when the node is lost
    if (Cause cause = trouble_of(end)) return cause;
  if (Cause cause = program_cause(end)) return cause;
  return plain_cause(end);
}

}  // namespace flagship::hosts
