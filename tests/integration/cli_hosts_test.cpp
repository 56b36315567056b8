// SPDX-License-Identifier: MIT
// Hosts files, keys and agents, as far as the command line goes.
#include <sys/stat.h>

#include <algorithm>

#include "tests/integration/cli_fixture.hpp"

namespace flagship::testing {
namespace {

using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class CliHosts : public CliTest {};

TEST_F(CliHosts, AMistakeInTheFileOfFetchIsAUsageErrorWithItsLine) {
  write("my.toml", "[[host]]\nworker = 4\n");
  const Ended ended = flagship({"fetch", "BR", "--hosts", "my.toml"});
  EXPECT_EQ(ended.exit_code, 2);
  EXPECT_EQ(ended.out, "");
  EXPECT_THAT(ended.err,
              StartsWith("flagship fetch: my.toml:2: there is no key 'worker' of a host; "
                         "is 'workers' meant?\n"));
  EXPECT_THAT(names_in(here()), ElementsAre("my.toml"));
}

TEST_F(CliHosts, AFileThatIsNotThereIsAUsageError) {
  const Ended ended = flagship({"fetch", "BR", "--hosts", "none.toml"});
  EXPECT_EQ(ended.exit_code, 2);
  EXPECT_THAT(ended.err, HasSubstr("the hosts file 'none.toml' cannot be read: No such file"));
}

TEST_F(CliHosts, OnlyProcessesRunOnOtherHosts) {
  write("my.toml", "[[host]]\n");
  for (const std::string executor : {"inline", "threads"}) {
    const Ended ended = flagship({"fetch", "BR", "--hosts", "my.toml", "-x", executor});
    EXPECT_EQ(ended.exit_code, 2);
    EXPECT_THAT(ended.err, StartsWith("flagship fetch: --hosts: "));
  }
}

TEST_F(CliHosts, AFileThatIsRightIsTaken) {
  write("my.toml", "[[host]]\n");
  const Ended ended = flagship({"fetch", "BR", "--hosts", "my.toml", "--dry-run"});
  EXPECT_EQ(ended.exit_code, 0);
  EXPECT_EQ(ended.err, "");
}

class CliKeys : public CliTest {};

TEST_F(CliKeys, NewOnesAreTwoFilesOfTheirOwnerAndALineForEach) {
  const Ended ended = flagship({"keys", "new", "lab"});
  EXPECT_EQ(ended.exit_code, 0);
  EXPECT_EQ(ended.err, "");
  EXPECT_THAT(lines_of(ended.out),
              ElementsAre(StartsWith("lab.master.keys: "), StartsWith("lab.agent.keys: ")));
  EXPECT_THAT(names_in(here()), ElementsAre("lab.agent.keys", "lab.master.keys"));
  for (const std::string& name : names_in(here())) {
    struct stat file {};
    ASSERT_EQ(stat((here() / name).c_str(), &file), 0);
    EXPECT_EQ(file.st_mode & 07777, 0600u) << name;
  }
}

TEST_F(CliKeys, AreNotReplaced) {
  ASSERT_EQ(flagship({"keys", "new"}).exit_code, 0);
  const std::string before = read_file(here() / "flagship.master.keys");
  const Ended ended = flagship({"keys", "new"});
  EXPECT_EQ(ended.exit_code, 3);
  EXPECT_EQ(ended.out, "");
  EXPECT_THAT(ended.err, AllOf(StartsWith("flagship keys: 'flagship.master.keys' is there already"),
                               HasSubstr("another NAME")));
  EXPECT_EQ(read_file(here() / "flagship.master.keys"), before);
}

TEST_F(CliHosts, CheckReadsTheKeysThatTheFileNames) {
  write("my.toml", "[[host]]\nlauncher = \"none\"\nkeys = \"flagship.master.keys\"\n");
  const Ended ended = flagship({"hosts", "check", "my.toml"});
  EXPECT_EQ(ended.exit_code, 2);
  EXPECT_THAT(ended.err, HasSubstr("the keys 'flagship.master.keys' cannot be read"));
}

TEST_F(CliHosts, CheckSaysOfThisMachineThatItIsWell) {
  write("my.toml", "[[host]]\nworkers = 1\n");
  const Ended ended = flagship({"hosts", "check", "my.toml"});
  EXPECT_EQ(ended.exit_code, 0);
  EXPECT_EQ(ended.err, "");
  EXPECT_THAT(lines_of(ended.out), ElementsAre(StartsWith("HOST "), ContainsRegex("^local +ok ")));
}

TEST_F(CliHosts, CheckSaysOfAHostThatItDidNotCome) {
  ASSERT_EQ(flagship({"keys", "new"}).exit_code, 0);
  write("my.toml", "[[host]]\nlauncher = \"none\"\nkeys = \"flagship.master.keys\"\n");
  const Ended ended = flagship({"hosts", "check", "my.toml", "--timeout", "100ms"});
  EXPECT_EQ(ended.exit_code, 1);
  EXPECT_THAT(lines_of(ended.out),
              ElementsAre(StartsWith("HOST "), ContainsRegex("^joined +waiting ")));
  EXPECT_THAT(lines_of(ended.err),
              ElementsAre(StartsWith("host 'joined': its agents may join at tcp://"),
                          "host 'joined' has not come yet; --timeout waits longer"));
}

TEST_F(CliHosts, ACommandOfACommandIsAskedFor) {
  const std::vector<std::pair<Words, std::string>> table{
      {{"hosts"}, "flagship hosts: a command is needed: check"},
      {{"hosts", "look"}, "flagship hosts: a command is needed: check"},
      {{"hosts", "check"}, "FILE is required"},
      {{"keys"}, "flagship keys: a command is needed: new"},
  };
  for (const auto& [arguments, sentence] : table) {
    const Ended ended = flagship(arguments);
    EXPECT_EQ(ended.exit_code, 2);
    EXPECT_EQ(ended.err, sentence + "\nRun with --help for more information.\n");
  }
}

class CliAgent : public CliTest {
 protected:
  /// A worker program that tells what it was given.
  std::string telling_worker() const {
    write("worker", "#!/bin/sh\nprintf '%s\\n' \"$@\"\ncat\n");
    EXPECT_EQ(chmod((here() / "worker").c_str(), 0755), 0);
    return here() / "worker";
  }
};

TEST_F(CliAgent, IsTheWorkerProgramWithTheKeysOnItsInput) {
  Command agent = command(
      {"agent", "--join", "tcp://master:56000", "--workers", "3", "--worker", telling_worker()});
  agent.input = "the keys";
  const Ended ended = run(agent);
  EXPECT_EQ(ended.exit_code, 0);
  EXPECT_EQ(ended.err, "");
  EXPECT_THAT(lines_of(ended.out),
              ElementsAre("--flagship-join", "tcp://master:56000", "3", "the keys"));
}

TEST_F(CliAgent, HasAsManyWorkersAsTheMachineMayUnlessToldOtherwise) {
  Command agent = command({"agent", "--join", "tcp://[::1]:1"});
  agent.env["FLAGSHIP_WORKER"] = telling_worker();
  EXPECT_THAT(lines_of(run(agent).out), ElementsAre("--flagship-join", "tcp://[::1]:1", "0"));
}

TEST_F(CliAgent, JoinsAMasterWithItsKeysAndWorksForIt) {
  ASSERT_EQ(flagship({"keys", "new"}).exit_code, 0);
  write("my.toml",
        "[[host]]\nlauncher = \"none\"\nkeys = \"flagship.master.keys\"\nworkers = 1\n"
        "[security]\naddresses = [\"127.0.0.1\"]\n");
  Program master(command({"fetch", "BR", "CN", "--hosts", "my.toml"}));
  const auto endpoint = [&master] {
    const std::string said = master.err();
    const std::size_t begin = std::min(said.find("tcp://"), said.size());
    const std::size_t end = said.find('\n', begin);
    return end == std::string::npos ? "" : said.substr(begin, end - begin);
  };
  ASSERT_TRUE(wait_until([&endpoint] { return !endpoint().empty(); })) << master.err();
  Command agent = command({"agent", "--join", endpoint()});
  agent.input = read_file(here() / "flagship.agent.keys");
  const Ended left = run(agent);
  EXPECT_EQ(left.exit_code, 0) << left.err;
  const Ended ended = master.wait();
  EXPECT_EQ(ended.exit_code, 0) << ended.err;
  EXPECT_THAT(files(), ElementsAre("BR.gif", "CN.gif"));
}

TEST_F(CliAgent, JoinsOnlyWhereAMasterCanBe) {
  for (const std::string endpoint :
       {"master", "tcp://master", "tcp://master:", "tcp://:1", "tcp://master:0",
        "tcp://master:65536", "tcp://::1:5", "tcp://*:5", "ipc://master:5", "tcp://a b:5"}) {
    const Ended ended = flagship({"agent", "--join=" + endpoint, "--worker", telling_worker()});
    EXPECT_EQ(ended.exit_code, 2) << endpoint;
    EXPECT_EQ(ended.out, "");
    EXPECT_THAT(ended.err, HasSubstr("--join"));
  }
}

TEST_F(CliAgent, DoesNotWaitForSomebodyToTypeTheKeys) {
  Command agent = command({"agent", "--join", "tcp://master:1", "--worker", telling_worker()});
  agent.terminal = true;
  const Ended ended = run(agent);
  EXPECT_EQ(ended.exit_code, 2);
  EXPECT_THAT(ended.err, HasSubstr("the keys come on standard input: < NAME.agent.keys"));
}

TEST_F(CliAgent, AWorkerProgramThatIsNotThereIsASentence) {
  const Ended ended = flagship({"agent", "--join", "tcp://master:1", "--worker", "/nonexistent"});
  EXPECT_EQ(ended.exit_code, 3);
  EXPECT_EQ(ended.err,
            "flagship agent: the worker program '/nonexistent' cannot be run: No such file or "
            "directory\n");
}

}  // namespace
}  // namespace flagship::testing
