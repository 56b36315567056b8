// SPDX-License-Identifier: MIT
// The test-beds themselves, before anything of ours runs on them.
#include <gmock/gmock.h>
#include <signal.h>

#include <chrono>

#include "tests/integration/hosts/bed.hpp"

namespace flagship::testing {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

Words words_of(const std::string& text) {
  std::istringstream in(text);
  return {std::istream_iterator<std::string>(in), {}};
}

/// Ssh that asks nothing and soon gives up.
Words ssh(const std::string& host, Words words) {
  words.insert(words.begin(), {"ssh", "-oBatchMode=yes", "-oConnectTimeout=1", host});
  return words;
}

class Netns : public BedTest<NetnsBed> {
 protected:
  bool answers(const std::string& host) const {
    return bed().on("master", ssh(host, {"true"})).exit_code == 0;
  }
  std::chrono::steady_clock::duration time_to_connect(const std::string& host) const {
    const std::string port = "/dev/tcp/" + bed().address_of(host) + "/22";
    const auto start = std::chrono::steady_clock::now();
    EXPECT_EQ(bed().on("master", {"bash", "-c", "exec 3<>" + port}).exit_code, 0);
    return std::chrono::steady_clock::now() - start;
  }
};

TEST_F(Netns, EachHostIsReachedBySshByItsAliasAndKnowsItsName) {
  for (const std::string& host : NetnsBed::hosts()) {
    const Ended ended = bed().on("master", ssh(host, {"hostname; echo $HOME"}));
    EXPECT_EQ(ended.exit_code, 0) << ended.err;
    EXPECT_EQ(ended.out, host + "\n" + (bed().folder_of(host) / "home").string() + "\n");
  }
}

TEST_F(Netns, AnAliasIsKnownToSshAloneAndItsConfigFileServesElsewhereToo) {
  EXPECT_NE(bed().on("master", {"getent", "hosts", "h1"}).exit_code, 0);
  const std::string config = bed().folder() / "ssh_config";
  EXPECT_EQ(bed().on("master", {"ssh", "-F", config, "h2", "hostname"}).out, "h2\n");
}

TEST_F(Netns, ThereIsNoWayOut) {
  for (const std::string host : {"master", "server", "h1", "h2", "h3"}) {
    EXPECT_NE(bed().on(host, {"ip", "route", "get", "192.0.2.1"}).exit_code, 0) << host;
    EXPECT_EQ(bed().on(host, {"ip", "route"}).out.find("default"), std::string::npos) << host;
  }
}

TEST_F(Netns, WhatRunsOnAHostIsCountedThereAlsoWhenTheSshThatStartedItWasKilled) {
  Program program(bed().command("master", ssh("h2", {"sleep", "1000"})));
  ASSERT_TRUE(wait_until([&] { return !bed().processes_like("h2", "sleep 1000").empty(); }));
  ::kill(Bed::run_by(program), SIGKILL);
  program.wait();
  ASSERT_TRUE(wait_until([&] { return bed().processes().size() == 1; }));
  const auto left = bed().processes();
  EXPECT_EQ(left[0].host, "h2");
  EXPECT_EQ(left[0].command, "sleep 1000");
  ::kill(left[0].pid, SIGKILL);
}

TEST_F(Netns, ACutCableIsSilentAndAHealedOneWorksAgain) {
  bed().cut("h1");
  EXPECT_FALSE(answers("h1"));
  EXPECT_TRUE(answers("h2"));
  bed().heal("h1");
  EXPECT_TRUE(wait_until([&] { return answers("h1"); }));
}

TEST_F(Netns, ACableMayBeSlowEitherWayAndLoseAllOfItsPackets) {
  bed().disturb("h3", "delay 100ms");
  EXPECT_GE(time_to_connect("h3"), 200ms);
  EXPECT_TRUE(answers("h3"));
  bed().disturb("h3", "loss 100%");
  EXPECT_FALSE(answers("h3"));
  EXPECT_TRUE(answers("h1"));
  bed().disturb("h3", "");
  EXPECT_TRUE(wait_until([&] { return answers("h3"); }));
}

TEST_F(Netns, ASlowCableCanBeCutAndHealedToo) {
  bed().disturb("h1", "delay 5ms loss 5%");
  bed().cut("h1");
  EXPECT_FALSE(answers("h1"));
  bed().heal("h1");
  EXPECT_TRUE(wait_until([&] { return answers("h1"); }));
}

TEST_F(Netns, NetemThatDoesNotExistIsRefusedAndTheCableStaysAsItWas) {
  const Ended ended = bed().script({"netem", "h1", "tangle", "5%"});
  EXPECT_EQ(ended.exit_code, 2);
  EXPECT_THAT(ended.err, HasSubstr("netns: "));
  EXPECT_TRUE(answers("h1"));
}

TEST_F(Netns, TwoBedsKnowNothingOfEachOther) {
  const NetnsBed other;
  bed().cut("h1");
  EXPECT_EQ(other.on("master", ssh("h1", {"hostname"})).out, "h1\n");
  EXPECT_THAT(other.processes(), IsEmpty());
}

TEST_F(Netns, ABedGoesWithItsOwner) {
  Program owner({.argv = {"/bin/sleep", "1000"}});
  const Ended up =
      run({.argv = {FLAGSHIP_TESTBED "/netns", "--owner", std::to_string(owner.pid()), "up"}});
  ASSERT_EQ(up.exit_code, 0) << up.err;
  const fs::path folder = up.out.substr(0, up.out.find('\n'));
  EXPECT_TRUE(fs::exists(folder / "ssh_config"));
  owner.signal(SIGKILL);
  owner.wait();
  EXPECT_TRUE(wait_until([&] { return !fs::exists(folder) && processes_of_bed(folder).empty(); }));
}

TEST_F(Netns, DownMayBeAskedTwiceButRemovesNoFolderThatIsNoBed) {
  TempFolder folder;
  write_file(folder / "precious", "all of it");
  const Words on_it{FLAGSHIP_TESTBED "/netns", "--dir", folder.path()};
  for (const std::string verb : {"up", "down"}) {
    Words words = on_it;
    words.push_back(verb);
    EXPECT_NE(run({.argv = words}).exit_code, 0) << verb;
    EXPECT_THAT(names_in(folder.path()), UnorderedElementsAre("precious"));
  }
  const std::string nowhere = folder / "nowhere";
  EXPECT_EQ(run({.argv = {FLAGSHIP_TESTBED "/netns", "--dir", nowhere, "down"}}).exit_code, 0);
}

TEST_F(Netns, WhatCannotComeUpSaysWhyAndLeavesNothing) {
  TempFolder folder;
  write_file(folder / "sshd", "#!/bin/sh\nexit 1\n");
  fs::permissions(folder / "sshd", fs::perms::owner_all);
  const fs::path bed = folder / "bed";
  const Ended ended = run({.argv = {FLAGSHIP_TESTBED "/netns", "--dir", bed, "up"},
                           .env = {{"PATH", folder.path().string() + ":" + std::getenv("PATH")}}});
  EXPECT_EQ(ended.exit_code, 1);
  EXPECT_THAT(ended.err, HasSubstr("sshd of h1 does not start"));
  EXPECT_FALSE(fs::exists(bed));
  EXPECT_THAT(processes_of_bed(bed), IsEmpty());
}

TEST_F(Netns, WhoIsNotRootIsToldSo) {
  for (const std::string kind : {"netns", "slurm"}) {
    const Ended ended = run({.argv = {"/usr/bin/setpriv", "--reuid", "65534", "--clear-groups",
                                      FLAGSHIP_TESTBED "/" + kind, "up"}});
    EXPECT_EQ(ended.exit_code, 77);
    EXPECT_THAT(ended.err, HasSubstr("run it as root"));
  }
}

class Slurm : public BedTest<SlurmBed> {};

TEST_F(Slurm, RunsOnAllFourNodesEachWithItsNameAndHandsStandardInputToAll) {
  Command command = bed().command("login", {"srun", "-N4", "sh", "-c", "cat; hostname"});
  command.input = "ticket\n";
  const Ended ended = run(command);
  EXPECT_EQ(ended.exit_code, 0) << ended.err;
  EXPECT_THAT(words_of(ended.out),
              UnorderedElementsAre("ticket", "ticket", "ticket", "ticket", "n1", "n2", "n3", "n4"));
}

TEST_F(Slurm, TheJobOfAKilledSrunEnds) {
  Program srun(bed().command("login", {"srun", "-N4", "sleep", "1000"}));
  const auto sleeping = [&] {
    std::size_t count = 0;
    for (const std::string& node : SlurmBed::hosts())
      count += bed().processes_like(node, "sleep 1000").size();
    return count;
  };
  ASSERT_TRUE(wait_until([&] { return sleeping() == 4; })) << srun.err();
  ::kill(Bed::run_by(srun), SIGKILL);
  EXPECT_THAT(left_on(bed()), IsEmpty());
}

TEST_F(Slurm, WhatAKilledSlurmdHasStartedLivesOnUntilItIsThereAgain) {
  Program srun(bed().command("login", {"srun", "-N1", "-w", "n2", "sleep", "1000"}));
  ASSERT_TRUE(wait_until([&] { return !bed().processes_like("n2", "sleep 1000").empty(); }));
  bed().kill_slurmd("n2");
  EXPECT_NE(bed().script({"kill-node", "n2"}).exit_code, 0) << "there is none any more";
  EXPECT_THAT(bed().processes_like("n2", "sleep 1000"), SizeIs(1));
  bed().start_slurmd("n2");
  ::kill(Bed::run_by(srun), SIGKILL);
  EXPECT_THAT(left_on(bed()), IsEmpty());
}

}  // namespace
}  // namespace flagship::testing
