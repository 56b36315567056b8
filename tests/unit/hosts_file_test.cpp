// SPDX-License-Identifier: MIT
// What a hosts file says, and what is said of one that is wrong.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "flagship/hosts.hpp"
#include "tests/support/program.hpp"

namespace flagship {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::StartsWith;
using testing::TempFolder;

Host only(const std::string& toml) {
  const Hosts read = Hosts::from_text(toml);
  EXPECT_THAT(read.hosts, SizeIs(1));
  return read.hosts.at(0);
}

std::vector<std::string> names(const std::string& toml) {
  std::vector<std::string> names;
  for (const Host& host : Hosts::from_text(toml).hosts) names.push_back(host.name);
  return names;
}

/// What it is refused with; empty: it is not.
std::string refusal(const std::string& toml) {
  try {
    Hosts::from_text(toml, "my.toml");
    return {};
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
}

/// A host with its launcher, and a line more: the third of the file.
std::string host(const std::string& launcher, const std::string& line) {
  return "[[host]]\nlauncher = \"" + launcher + "\"\n" + line + "\n";
}

TEST(HostsFile, AHostOfWhichNothingIsSaidIsThisMachine) {
  const Host local = only("[[host]]");
  EXPECT_EQ(local.launcher, HostLauncher::local);
  EXPECT_EQ(local.name, "local");
  EXPECT_EQ(local.workers, 0);
  EXPECT_EQ(local.agents, 1);
  EXPECT_FALSE(local.start_timeout);
  EXPECT_EQ(Hosts::from_text("[[host]]").lease, 10s);
  EXPECT_EQ(Hosts::from_text("[[host]]").security.first_port, 0);
}

TEST(HostsFile, HostsKeepTheirOrder) {
  const Hosts read = Hosts::from_text(R"(
lease = "4s"

[[host]]                     # this machine
name = "local"
workers = 4

[[host]]                     # over ssh
name = "build1"
launcher = "ssh"
workers = 16

[[host]]
launcher = "slurm"
nodes = 4
partition = "main"
time = "1h"

[security]
ports = "56000-56064"
addresses = ["10.0.0.1", "fe80::1%eth0", "login1.example.org"]
)");
  ASSERT_THAT(read.hosts, SizeIs(3));
  EXPECT_EQ(read.hosts[0].workers, 4);
  EXPECT_EQ(read.hosts[1].launcher, HostLauncher::ssh);
  EXPECT_EQ(read.hosts[1].address, "build1");
  EXPECT_EQ(read.hosts[1].workers, 16);
  EXPECT_EQ(read.hosts[2].launcher, HostLauncher::slurm);
  EXPECT_EQ(read.hosts[2].name, "slurm");
  EXPECT_EQ(read.hosts[2].agents, 4);
  EXPECT_EQ(read.hosts[2].partition, "main");
  EXPECT_EQ(read.hosts[2].time, 1h);
  EXPECT_EQ(read.lease, 4s);
  EXPECT_EQ(read.security.first_port, 56000);
  EXPECT_EQ(read.security.last_port, 56064);
  EXPECT_THAT(read.security.addresses,
              ElementsAre("10.0.0.1", "fe80::1%eth0", "login1.example.org"));
}

TEST(HostsFile, SshHasAnAddressAndWordsOfItsOwn) {
  const Host ssh = only(host("ssh", R"(
address = "me@build1.example.org"
options = ["-p", "2222"]
executable = "bin/worker"
start_timeout = "30s")"));
  EXPECT_EQ(ssh.address, "me@build1.example.org");
  EXPECT_EQ(ssh.name, "build1.example.org");
  EXPECT_THAT(ssh.ssh_options, ElementsAre("-p", "2222"));
  EXPECT_THAT(ssh.slurm_options, IsEmpty());
  EXPECT_EQ(ssh.executable, "bin/worker");
  EXPECT_EQ(ssh.start_timeout, 30s);
}

TEST(HostsFile, SlurmHasWhatSrunTakes) {
  const Host slurm = only(host("slurm", R"(
account = "physics"
constraint = "skylake&big"
options = ["--exclusive"])"));
  EXPECT_EQ(slurm.account, "physics");
  EXPECT_EQ(slurm.constraint, "skylake&big");
  EXPECT_THAT(slurm.slurm_options, ElementsAre("--exclusive"));
  EXPECT_EQ(slurm.agents, 1);
  EXPECT_FALSE(slurm.time);
}

TEST(HostsFile, AgentsOfSomebodyElseHaveKeysAndANumber) {
  const Host joined = only(host("none", "agents = 8\nkeys = \"k/my.master.keys\""));
  EXPECT_EQ(joined.name, "joined");
  EXPECT_EQ(joined.agents, 8);
  EXPECT_EQ(joined.keys, "k/my.master.keys");
}

TEST(HostsFile, HostsWithoutANameAreNumberedWhereTheyMeet) {
  EXPECT_THAT(names(host("slurm", "") + host("slurm", "") + host("ssh", "name = 'slurm-2'") +
                    host("slurm", "")),
              ElementsAre("slurm", "slurm-3", "slurm-2", "slurm-4"));
  EXPECT_THAT(names(host("ssh", "address = 'a@h'") + host("ssh", "address = 'b@h'")),
              ElementsAre("h", "h-2"));
}

TEST(HostsFile, ANameFromAnAddressHasOnlyWhatANameMayHave) {
  EXPECT_EQ(only(host("ssh", "address = 'ssh://me@h:22'")).name, "h-22");
  EXPECT_EQ(only(host("ssh", "address = '::1'")).name, "1");
  EXPECT_EQ(only(host("ssh", "address = '@'")).name, "ssh");
}

TEST(HostsFile, OnePortIsARangeToo) {
  const Hosts read = Hosts::from_text("[[host]]\n[security]\nports = '56000'");
  EXPECT_EQ(read.security.first_port, 56000);
  EXPECT_EQ(read.security.last_port, 56000);
}

TEST(HostsFile, WhatIsWrongIsSaidWithItsLineAndWhatToDo) {
  const std::vector<std::pair<std::string, std::string>> table{
      {"", "1: there is no host in it; begin with [[host]]"},
      {"host = []", "1: there is no host in it"},
      {"[[host]", "1: this is no TOML: "},
      {"[[[host]]]", "1: this is no TOML: a host begins with [[host]]"},
      {"[[host]]\nworkers = 1\n\n[[[host]]]\n[[[[\n", "4: this is no TOML: "},
      {"[[host]]\nname = \xc3\xa9",
       "2: this is no TOML: letters beyond ASCII have to be in quotes, with a blank before them"},
      {"[[host]]\nname = '''a\n \xc3\xa9", "3: this is no TOML: letters beyond ASCII"},
      {"[[host]]\nname = 'a\n\xc3\xa9", "3: this is no TOML: letters beyond ASCII"},
      {"[[host]]\nname = '\xff'", "2: this is no TOML: "},
      {"[[host]]\nname = \"a\"\nname = \"b\"", "3: this is no TOML: "},
      {"[host]", "1: write each host as a table of its own: [[host]]"},
      {"host = [1]", "1: write each host as a table of its own: [[host]]"},
      {"security = 1\n[[host]]", "1: write 'security' as a table: [security]"},
      {"[[hosts]]", "1: there is no key 'hosts' at the top of the file; is 'host' meant?"},
      {"[[host]]\nfrobnicate = 1", "2: there is no key 'frobnicate' of a host; there are name, "},
      {"[[host]]\nworker = 1", "2: there is no key 'worker' of a host; is 'workers' meant?"},
      {"[[host]]\nwrokers = 1", "2: there is no key 'wrokers' of a host; is 'workers' meant?"},
      {"[[host]]\nlease = '1s'",
       "2: 'lease' is no key of a host; it belongs at the top of the file, above the first table"},
      {"workers = 1\n[[host]]",
       "1: 'workers' is no key at the top of the file; it belongs under [[host]]"},
      {"[[host]]\nports = '1'", "2: 'ports' is no key of a host; it belongs under [security]"},
      {"[[host]]\n[security]\nport = '1'",
       "3: there is no key 'port' of [security]; is 'ports' meant?"},
      {"[[host]]\nlauncher = 'slrum'", "2: launcher 'slrum' is none; is 'slurm' meant?"},
      {"[[host]]\nlauncher = 'k8s'",
       "2: launcher 'k8s' is none; there are local, ssh, slurm, none"},
      {"[[host]]\nlauncher = 1", "2: launcher cannot be a whole number; write it like "},
      {"[[host]]\nname = ''", "2: name is empty; write it like name = \"build1\""},
      {"[[host]]\nname = 'a b'", "2: name 'a b' is no name of a host: letters, digits, "},
      {"[[host]]\nname = '-v'", "2: name '-v' is no name of a host"},
      {"[[host]]\nname = '..'", "2: name '..' is no name of a host"},
      {"[[host]]\nname = \"a\\u0000\"", "2: name has a control character in it"},
      {"[[host]]\nname = '" + std::string(256, 'a') + "'", "2: name is longer than 255 letters"},
      {"[[host]]\nname = 1.5", "2: name cannot be a number with a point; write it like "},
      {"[[host]]\nworkers = '4'", "2: workers cannot be a text; write it like workers = 4"},
      {"[[host]]\nworkers = -1", "2: workers is -1; it has to be from 0 to 10000"},
      {"[[host]]\nworkers = 10001", "2: workers is 10001; it has to be from 0 to 10000"},
      {"[[host]]\nnodes = 2",
       "2: 'nodes' is for a host whose launcher is slurm, and that of this one is local: take the "
       "line away, or change the launcher"},
      {"[[host]]\nexecutable = 'x'",
       "2: 'executable' is for a host whose launcher is ssh or slurm, "},
      {host("ssh", "keys = 'x'"),
       "3: 'keys' is for a host whose launcher is none, and that of this one is ssh"},
      {host("ssh", ""), "1: a host for ssh needs its address, like address = "},
      {host("ssh", "address = '-oProxyCommand=x'"), "3: address '-oProxyCommand=x' is none for"},
      {host("ssh", "address = 'a b'"), "3: address 'a b' is none for ssh"},
      {host("ssh", "address = 'a'\noptions = '-v'"), "4: options cannot be a text; write it like"},
      {host("ssh", "address = 'a'\noptions = [1]"), "4: options cannot be a whole number"},
      {host("ssh", "address = 'a'\noptions = ['']"), "4: options is empty"},
      {host("ssh", "start_timeout = 30"),
       "3: start_timeout cannot be a whole number; write it "
       "like start_timeout = \"30s\""},
      {host("ssh", "start_timeout = 'soon'"), "3: start_timeout 'soon' is no time; write it like"},
      {host("ssh", "start_timeout = '0'"), "3: start_timeout '0' is too short; it has to be 1 s"},
      {host("slurm", "nodes = 0"), "3: nodes is 0; it has to be from 1 to 10000"},
      {host("slurm", "time = '30s'"), "3: time '30s' is too short; it has to be 60 s at least"},
      {host("none", ""), "1: a host of launcher = \"none\" needs keys = "},
      {host("none", "agents = 0"), "3: agents is 0"},
      {"lease = '500ms'\n[[host]]", "1: lease '500ms' is too short; it has to be 1 s at least"},
      {"[[host]]\n[[host]]", "2: this machine is in the file twice"},
      {host("slurm", "name = 'x'") + host("slurm", "name = 'x'"),
       "4: the name 'x' is that of the host in line 1; each needs its own"},
      {"[[host]]\n[security]\nports = '1-'", "3: ports '1-' are no ports; write the first and"},
      {"[[host]]\n[security]\nports = '0-9'", "3: ports '0-9' are no ports"},
      {"[[host]]\n[security]\nports = '1-65536'", "3: ports '1-65536' are no ports"},
      {"[[host]]\n[security]\nports = '9-8'", "3: ports '9-8' ends before it begins"},
      {"[[host]]\n[security]\nports = 56000",
       "3: ports cannot be a whole number; write it like "
       "ports = \"56000-56064\""},
      {"[[host]]\n[security]\naddresses = ['10.0.0.1:80']", "3: addresses '10.0.0.1:80' is no"},
      {"[[host]]\n[security]\naddresses = ['tcp://x']", "3: addresses 'tcp://x' is no address"},
      {host("slurm", "nodes = 4\n[security]\nports = '56000-56004'"),
       "5: ports: there are 5, and 6 are needed: one for each agent"},
      {host("none", "keys = 'a'\nagents = 3") + host("slurm", "") + host("none", "keys = 'b'") +
           host("slurm", "[security]\nports = '1000-1010'"),
       "14: ports: there are 11, and 12 are needed: one for each agent"},
  };
  for (const auto& [toml, sentence] : table)
    EXPECT_THAT(refusal(toml), StartsWith("my.toml:" + sentence)) << toml;
}

TEST(HostsFile, LettersOfAnyLanguageAreInCommentsAndPaths) {
  const std::string none = "[[host]] # \"\xc3\xa9\nlauncher = 'none'\n";
  EXPECT_EQ(only("\xEF\xBB\xBF# \xc3\xa9\n" + none + "keys = \"\\\"\xc3\xa9\" # '\xc3\xa9").keys,
            "\"\xc3\xa9");
}

TEST(HostsFile, TheFirstOfTwoMistakesIsTheOneThatIsTold) {
  EXPECT_THAT(refusal("[[host]]\nzzz = 1\naaa = 1"), HasSubstr("'zzz'"));
  EXPECT_THAT(refusal("[security]\nzzz = 1\n[[host]]\naaa = 1"), HasSubstr("'zzz'"));
}

TEST(HostsFile, AThousandHostsAreEnough) {
  std::string many;
  for (int i = 0; i < 1000; ++i) many += "[[host]]\nlauncher = 'slurm'\n";
  EXPECT_EQ(refusal(many), "");
  EXPECT_EQ(refusal(many + "[[host]]"), "my.toml:2001: there are more than 1000 hosts");
}

class HostsFolder : public ::testing::Test {
 protected:
  std::string refusal_of(const std::string& path) const {
    try {
      Hosts::from_file(path);
      return {};
    } catch (const std::invalid_argument& error) {
      return error.what();
    }
  }

  TempFolder folder_;
};

TEST_F(HostsFolder, KeysLieBesideTheFileUnlessTheirPathIsWhole) {
  const std::string file = folder_ / "my.toml";
  testing::write_file(file, host("none", "keys = 'in/my.keys'") + host("none", "keys = '/k'"));
  const Hosts read = Hosts::from_file(file);
  EXPECT_EQ(read.hosts.at(0).keys, folder_ / "in/my.keys");
  EXPECT_EQ(read.hosts.at(1).keys, "/k");
}

TEST_F(HostsFolder, WhatIsWrongIsSaidWithTheFile) {
  const std::string file = folder_ / "my.toml";
  testing::write_file(file, "[[host]]\nworker = 4\n");
  EXPECT_THAT(refusal_of(file), StartsWith(file + ":2: "));
}

TEST_F(HostsFolder, AFileThatCannotBeReadIsASentence) {
  EXPECT_THAT(refusal_of(folder_ / "none"),
              AllOf(StartsWith("the hosts file '" + (folder_ / "none").string() + "'"),
                    HasSubstr("No such file")));
  EXPECT_THAT(refusal_of(folder_.path()), HasSubstr("Is a directory"));
  testing::write_file(folder_ / "large", std::string((1 << 20) + 1, '\n'));
  EXPECT_THAT(refusal_of(folder_ / "large"), HasSubstr("it has more than 1048576 bytes"));
  EXPECT_THAT(refusal_of("/dev/zero"), HasSubstr("it has more than 1048576 bytes"));
}

}  // namespace
}  // namespace flagship
