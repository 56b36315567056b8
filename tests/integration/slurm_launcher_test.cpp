// SPDX-License-Identifier: MIT
// Agents by srun. In the place of srun is a program that runs the command here.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "master/hosts/process_launcher.hpp"
#include "master/hosts/slurm.hpp"
#include "tests/support/agents.hpp"

namespace {

using namespace flagship;
using namespace flagship::hosts;
using namespace flagship::test;
using namespace std::chrono_literals;
using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsSupersetOf;
using testing::Not;
using testing::StartsWith;

const std::string kSrun =
    "printf '%s\\n' \"$@\" > \"$LOGS/words\"\n"
    "until test \"$1\" = /bin/sh; do shift; done\n"
    "exec \"$@\"";

class SlurmLauncherTest : public LauncherTest {
 protected:
  SlurmLauncherTest() {
    stand_in("srun", kSrun);
    write_program(program_, kAgent);
  }

  static Host nodes() {
    Host host;
    host.name = "cluster";
    host.launcher = HostLauncher::slurm;
    host.agents = 2;
    host.partition = "main";
    return host;
  }
  std::unique_ptr<Launcher> launcher(const Host& host = nodes(), Allocation allocation = {}) const {
    return std::make_unique<ProcessLauncher>(
        std::make_unique<Slurm>(host, AgentProgram(program_, "abc123"), allocation),
        std::make_shared<StartTurns>());
  }
  /// What srun is told for it.
  std::vector<std::string> words_for(Slurm& slurm, std::uint32_t id) const {
    return slurm.command(agent(id));
  }

  const std::string program_ = path("worker");
};

TEST_F(SlurmLauncherTest, an_agent_reads_its_ticket_and_nothing_else_until_it_is_to_go) {
  const auto slurm = launcher();
  ASSERT_EQ(slurm->start(agent(0, "the ticket\n")), "");
  ASSERT_TRUE(ask_until(*slurm, [&] { return logged("input") == "the ticket\n"; }));
  EXPECT_EQ(logged("left"), "") << "its standard input has not ended";
  slurm->stop({0, 1}, false);
  EXPECT_EQ(end_of(*slurm).cause, "its agent left in order");
  EXPECT_EQ(logged("input"), "the ticket\n");
}

TEST_F(SlurmLauncherTest, each_agent_is_a_job_of_one_node) {
  Host host = nodes();
  host.account = "physics";
  host.constraint = "avx512";
  host.time = 90s;
  host.workers = 16;
  host.slurm_options = {"--qos=long"};
  Slurm slurm(host, AgentProgram(program_, ""), {});
  EXPECT_THAT(words_for(slurm, 0),
              ElementsAre("srun", "--nodes=1", "--ntasks=1", "--kill-on-bad-exit=0", "--no-kill",
                          "--job-name=flagship", "--partition=main", "--account=physics",
                          "--constraint=avx512", "--time=2", "--cpus-per-task=16", "--qos=long",
                          "/bin/sh", "-c", HasSubstr("--flagship-agent"), "sh", program_));
}

TEST_F(SlurmLauncherTest, an_agent_whose_workers_nobody_counts_gets_a_whole_node) {
  Slurm slurm(nodes(), AgentProgram(program_, ""), {});
  EXPECT_THAT(words_for(slurm, 0), Contains("--exclusive"));
}

TEST_F(SlurmLauncherTest, in_an_allocation_each_agent_is_a_step_on_a_node_that_has_none) {
  Slurm slurm(nodes(), AgentProgram(program_, ""), {2});
  EXPECT_THAT(words_for(slurm, 7), AllOf(IsSupersetOf({"--overlap", "--relative=0"}),
                                         Not(Contains("--partition=main"))));
  EXPECT_THAT(words_for(slurm, 8), Contains("--relative=1"));
  slurm.forget({7, 1});
  EXPECT_THAT(words_for(slurm, 9), Contains("--relative=0")) << "its agent is gone";
  EXPECT_THAT(words_for(slurm, 10), Contains("--relative=0")) << "more agents than nodes";
  EXPECT_THAT(words_for(slurm, 11), Contains("--relative=1"));
}

TEST_F(SlurmLauncherTest, an_agent_that_has_ended_leaves_its_node_to_the_next) {
  const auto slurm = launcher(nodes(), {2});
  for (const std::uint32_t id : {0u, 1u}) {
    ASSERT_EQ(slurm->start(agent(id)), "");
    ASSERT_TRUE(begins(*slurm));
    EXPECT_THAT(lines_of(log("words")), Contains("--relative=0"));
    slurm->stop({id, 1}, false);
    end_of(*slurm);
    std::filesystem::remove(log("agents"));
  }
}

TEST_F(SlurmLauncherTest, whether_this_is_an_allocation_is_in_the_environment) {
  const Variable job("SLURM_JOB_ID", "12"), count("SLURM_JOB_NUM_NODES", "4");
  EXPECT_EQ(Allocation::around_us().nodes, 4);
}

// A TERM that meets the new process before it is sleep is swallowed by the trap that it still has.
TEST_F(SlurmLauncherTest, a_job_that_waits_in_the_queue_is_cancelled_by_a_stop) {
  stand_in("srun",
           "trap 'echo cancelled > \"$LOGS/cancelled\"; kill -KILL $!; exit 1' TERM\n"
           "sleep 1000 & echo $$ > \"$LOGS/agents\"; wait");
  const auto slurm = launcher();
  ASSERT_EQ(slurm->start(agent(0)), "");
  ASSERT_TRUE(begins(*slurm));
  slurm->stop({0, 1}, false);
  EXPECT_EQ(end_of(*slurm).cause, "its agent had not begun when it was stopped");
  EXPECT_EQ(logged("cancelled"), "cancelled\n") << "a killed srun leaves its job in the queue";
}

TEST_F(SlurmLauncherTest, what_a_job_waits_for_is_told_when_it_has_waited_too_long) {
  stand_in("srun",
           "trap 'echo srun: Force Terminated >&2; kill -KILL $!; exit 1' TERM\n"
           "echo 'srun: job 7 queued and waiting for resources' >&2\n"
           "sleep 1000 & echo $$ > \"$LOGS/agents\"; wait");
  const auto slurm = launcher();
  ASSERT_EQ(slurm->start(agent(0)), "");
  ASSERT_TRUE(begins(*slurm));
  slurm->read(ended_);
  slurm->stop({0, 1}, true);
  EXPECT_EQ(end_of(*slurm).cause,
            "its agent had not begun when it was stopped: srun: job 7 queued and waiting for "
            "resources");
}

TEST_F(SlurmLauncherTest, a_lost_node_is_no_agent_that_left_in_order) {
  stand_in("srun", "echo 'flagship: begins x'; echo 'srun: error: Node failure on n2' >&2; exit 0");
  const auto slurm = launcher();
  ASSERT_EQ(slurm->start(agent(0)), "");
  EXPECT_EQ(end_of(*slurm).cause, "Slurm has lost the node (srun: error: Node failure on n2)");
}

TEST_F(SlurmLauncherTest, what_an_agent_says_is_not_taken_for_slurms_words) {
  write_program(program_, "#!/bin/sh\necho 'my own CPU count' >&2; exit 3\n");
  const auto slurm = launcher();
  ASSERT_EQ(slurm->start(agent(0)), "");
  EXPECT_EQ(end_of(*slurm).cause, "srun exited with code 3: my own CPU count");
}

TEST_F(SlurmLauncherTest, the_end_of_a_launcher_cancels_its_jobs) {
  stand_in("srun",
           "trap 'echo cancelled > \"$LOGS/cancelled\"; kill -KILL $!; exit 1' TERM\n"
           "sleep 1000 & echo $$ > \"$LOGS/agents\"; wait");
  {
    const auto slurm = launcher();
    ASSERT_EQ(slurm->start(agent(0)), "");
    ASSERT_TRUE(begins(*slurm));
  }
  EXPECT_EQ(logged("cancelled"), "cancelled\n");
}

TEST_F(SlurmLauncherTest, an_srun_that_ignores_its_end_is_killed) {
  stand_in("srun", "trap '' TERM; echo $$ > \"$LOGS/agents\"; exec sleep 1000");
  const auto slurm = launcher();
  ASSERT_EQ(slurm->start(agent(0)), "");
  ASSERT_TRUE(begins(*slurm));
  slurm->stop({0, 1}, true);
  end_of(*slurm);
}

TEST_F(SlurmLauncherTest, a_program_that_is_not_on_the_node_is_named) {
  Host host = nodes();
  host.executable = "/nowhere/worker";
  const auto slurm = launcher(host);
  ASSERT_EQ(slurm->start(agent(0)), "");
  const Launcher::Ended ended = end_of(*slurm);
  EXPECT_THAT(ended.cause, AllOf(StartsWith("Slurm's node has no such program"),
                                 HasSubstr("/nowhere/worker on ")));
  EXPECT_TRUE(ended.hopeless);
}

TEST_F(SlurmLauncherTest, a_machine_without_srun_is_told_where_to_start) {
  const Variable path("PATH", this->path("logs"));
  EXPECT_THAT(launcher()->start(agent(0)), StartsWith("srun is not on this machine"));
}

TEST_F(SlurmLauncherTest, its_agents_reach_the_master_by_themselves) {
  const auto slurm = launcher();
  ASSERT_EQ(slurm->start(agent(0)), "");
  EXPECT_EQ(slurm->carrier({0, 1}), 0);
}

struct Trouble {
  const char* name;
  const char* said;
  const char* told;
  bool hopeless;
};

class SlurmTroubleTest : public SlurmLauncherTest, public testing::WithParamInterface<Trouble> {};

TEST_P(SlurmTroubleTest, is_told_with_what_to_do) {
  const std::string said = GetParam().said;
  std::ofstream(log("said")) << said << "\n";
  stand_in("srun", "cat \"$LOGS/said\" >&2; exit 1");
  const auto slurm = launcher();
  ASSERT_EQ(slurm->start(agent(0)), "");
  const Launcher::Ended ended = end_of(*slurm);
  EXPECT_THAT(ended.cause, AllOf(StartsWith(GetParam().told), HasSubstr("(" + said + ")")));
  EXPECT_EQ(ended.hopeless, GetParam().hopeless);
}

// As Slurm 22.05 says them.
INSTANTIATE_TEST_SUITE_P(
    , SlurmTroubleTest,
    testing::Values(
        Trouble{"partition",
                "srun: error: Unable to allocate resources: Invalid partition name specified",
                "Slurm has no such partition", true},
        Trouble{"account",
                "srun: error: Unable to allocate resources: Invalid account or account/partition "
                "combination specified",
                "Slurm does not know you", true},
        Trouble{"nodes",
                "srun: error: Unable to allocate resources: Node count specification invalid",
                "Slurm has not that many nodes", true},
        Trouble{"time",
                "srun: error: Unable to allocate resources: Requested time limit is invalid "
                "(missing or exceeds some limit)",
                "the time is longer than Slurm allows", true},
        Trouble{"cancelled",
                "slurmstepd-n1: error: *** STEP 21.0 ON n1 CANCELLED AT 2026-11-27T16:40:25 ***",
                "Slurm was told to cancel the job", false},
        Trouble{"walltime",
                "slurmstepd: error: *** STEP 21.0 ON n1 CANCELLED AT 2026-11-27T16:40:25 DUE TO "
                "TIME LIMIT ***",
                "the time of its allocation is up", false},
        Trouble{"controller",
                "srun: error: Unable to allocate resources: Unable to contact slurm controller "
                "(connect failure)",
                "slurmctld does not answer", false}),
    [](const auto& trouble) { return std::string(trouble.param.name); });

}  // namespace
