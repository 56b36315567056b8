// SPDX-License-Identifier: MIT
// What the command line refuses, how it says so, and how it explains itself.
#include <sys/stat.h>

#include "tests/integration/cli_fixture.hpp"

namespace flagship::testing {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;
using ::testing::Not;
using ::testing::StartsWith;

class Usage : public CliTest {};

TEST_F(Usage, ErrorsNameTheOptionOnStderrAndTouchNothing) {
  const std::vector<std::pair<Words, std::string>> table{
      {{"fetch", "XYZ"}, "'XYZ'"},
      {{"fetch", "B1"}, "'B1'"},
      {{"fetch", ""}, "CC"},
      {{"fetch", "-l", "0"}, "--limit"},
      {{"fetch", "-l"}, "--limit"},
      {{"fetch", "-m", "0"}, "--max-req"},
      {{"fetch", "-m", "x"}, "--max-req"},
      {{"fetch", "-w", "0"}, "--workers"},
      {{"fetch", "--timeout", "soon"}, "--timeout"},
      {{"fetch", "--timeout", "-1"}, "--timeout"},
      {{"fetch", "--stall", "1"}, "--stall"},
      {{"fetch", "--retries", "many"}, "--retries"},
      {{"fetch", "--max-size", "1T"}, "--max-size"},
      {{"fetch", "-s", "NOWHERE"}, "--server"},
      {{"fetch", "-s", "REMOTE"}, "--base-url"},
      {{"fetch", "-x", "magic"}, "--executor"},
      {{"fetch", "--order", "random"}, "--order"},
      {{"fetch", "--sink", "drain"}, "--sink"},
      {{"fetch", "--error-rate", "2"}, "--error-rate"},
      {{"fetch", "--error-rate", "nan"}, "--error-rate"},
      {{"fetch", "--delay", "later"}, "--delay"},
      {{"fetch", "--fault", "explode"}, "--fault"},
      {{"fetch", "--fault", "status:99"}, "--fault"},
      {{"fetch", "--from", "x", "BR"}, "--from"},
      {{"fetch", "--template", "http://h/x.gif"}, "--template"},
      {{"fetch", "--json", "--trace-futures"}, "--json"},
      {{"fetch", "--json", "-v"}, "--json"},
      {{"fetch", "--frobnicate"}, "--frobnicate"},
      {{"fetch", "-Z"}, "-Z"},
      {{"serve", "--port", "70000"}, "--port"},
      {{"serve", "--port", "x"}, "--port"},
      {{"serve", "--delay", "5..1"}, "--delay"},
      {{"serve", "--fault", "explode"}, "--fault"},
      {{"serve", "--error-rate", "-1"}, "--error-rate"},
      {{"serve", "BR"}, "BR"},
      {{}, "command"},
      {{"frobnicate"}, "'frobnicate'"},
      {{"--frobnicate"}, "--frobnicate"},
  };
  for (const auto& [arguments, named] : table) {
    const Ended ended = flagship(arguments);
    SCOPED_TRACE(::testing::PrintToString(arguments));
    EXPECT_EQ(ended.exit_code, 2);
    EXPECT_EQ(ended.out, "");
    EXPECT_THAT(ended.err,
                AllOf(HasSubstr(named), HasSubstr("\nRun with --help for more information.\n")));
    EXPECT_THAT(ended.err, Not(HasSubstr("site:")));
    EXPECT_THAT(names_in(here()), IsEmpty());
  }
}

TEST_F(Usage, HelpIsOnStdout) {
  for (const Words& arguments : {Words{"--help"}, Words{"-h"}, Words{"fetch", "--help"},
                                 Words{"fetch", "-h"}, Words{"serve", "--help"}}) {
    const Ended ended = flagship(arguments);
    EXPECT_EQ(ended.exit_code, 0);
    EXPECT_EQ(ended.err, "");
    EXPECT_THAT(ended.out, HasSubstr("Usage: flagship"));
    for (const std::string& line : lines_of(ended.out)) EXPECT_LE(line.size(), 110u) << line;
    for (const char* ugly : {"TEXT", "FLOAT", "INT:", "=0"})
      EXPECT_THAT(ended.out, Not(HasSubstr(ugly)));
  }
}

TEST_F(Usage, HelpPutsOptionsUnderHeadings) {
  const std::string help = flagship({"fetch", "--help"}).out;
  const auto at = [&](const char* text) { return help.find(text); };
  EXPECT_LT(at("\nWhat to download:\n"), at("\n  --from "));
  EXPECT_LT(at("\n  --from "), at("\nLimits and retries:\n"));
  EXPECT_LT(at("\nLimits and retries:\n"), at("\n  --timeout "));
  EXPECT_LT(at("\nWhat is shown:\n"), at("\n  --json "));
}

TEST_F(Usage, HelpNamesEveryOptionOfFetch) {
  const std::string help = flagship({"fetch", "--help"}).out;
  for (const char* option : {"CC",
                             "-a,--all",
                             "-e,--every",
                             "-l,--limit",
                             "-s,--server",
                             "-x,--executor",
                             "-w,--workers",
                             "-m,--max-req",
                             "--order",
                             "--timeout",
                             "--connect-timeout",
                             "--stall",
                             "--retries",
                             "--retry-status",
                             "--max-retry-after",
                             "--max-redirects",
                             "--max-errors",
                             "--per-origin",
                             "--rate",
                             "--total-rate",
                             "--log",
                             "--log-level",
                             "--tls-min",
                             "--resolve",
                             "--doh",
                             "--dns-timeout",
                             "--robots",
                             "--protobuf",
                             "--allow-downgrade",
                             "-o,--output",
                             "--name",
                             "--sink",
                             "--max-size",
                             "--allow-private",
                             "--json",
                             "-v,--verbose",
                             "-q,--quiet",
                             "--trace-futures",
                             "--dry-run",
                             "--url",
                             "--key",
                             "--checksum",
                             "--strict",
                             "--summary",
                             "--metrics",
                             "--from",
                             "--template",
                             "--base-url",
                             "--delay",
                             "--error-rate",
                             "--fault",
                             "--hosts"})
    EXPECT_THAT(help, HasSubstr(option));
}

TEST_F(Usage, VersionIsOnStdout) {
  const Ended ended = flagship({"--version"});
  EXPECT_EQ(ended.exit_code, 0);
  EXPECT_THAT(ended.out, MatchesRegex("flagship [0-9]+\\.[0-9]+\\.[0-9]+\n"));
}

TEST_F(Usage, TheWorkerProgramByItselfSaysWhoStartsIt) {
  const Ended ended = run({.argv = {FLAGSHIP_WORKER_PROGRAM}});
  EXPECT_EQ(ended.exit_code, 2);
  EXPECT_THAT(ended.err, HasSubstr("flagship --help"));
}

class Broken : public CliTest {};

TEST_F(Broken, AnOutputFolderThatCannotBeIsASentence) {
  write("file", "mine");
  const std::vector<std::pair<std::string, std::string>> table{{"file", "it is not a folder"},
                                                               {"file/out", "Not a directory"},
                                                               {"/proc/out", "No such file"},
                                                               {"/proc/self/out", "No such file"},
                                                               {std::string(300, 'x'), "too long"}};
  for (const auto& [folder, why] : table) {
    const Ended ended = flagship({"fetch", "BR", "-o", folder});
    EXPECT_EQ(ended.exit_code, 3) << folder;
    EXPECT_THAT(ended.err, AllOf(StartsWith("flagship fetch: cannot write into the output folder"),
                                 HasSubstr(folder), HasSubstr(why)));
    EXPECT_EQ(lines_of(ended.err).size(), 1u) << ended.err;
  }
  EXPECT_EQ(read_file(here() / "file"), "mine");
  EXPECT_THAT(names_in(here()), ElementsAre("file"));
}

TEST_F(Broken, FoldersMadeForNothingAreTakenAway) {
  const Ended ended = flagship({"fetch", "BR", "-o", "a/b/c", "--worker", "/nonexistent"});
  EXPECT_EQ(ended.exit_code, 3);
  EXPECT_THAT(names_in(here()), IsEmpty());
}

TEST_F(Broken, AWorkerProgramThatCannotBeRunIsASentence) {
  write("text", "no program");
  const std::vector<std::pair<std::string, std::string>> table{
      {"/nonexistent/worker", "No such file"},
      {"text", "Permission denied"},
      {"/tmp", "it is no file"}};
  for (const auto& [program, why] : table) {
    Command by_variable = command({"fetch", "BR"});
    by_variable.env["FLAGSHIP_WORKER"] = program;
    for (const Ended& ended : {flagship({"fetch", "BR", "--worker", program}), run(by_variable)}) {
      EXPECT_EQ(ended.exit_code, 3);
      EXPECT_THAT(ended.err, AllOf(StartsWith("flagship fetch: the worker program '" + program),
                                   HasSubstr(why)));
      EXPECT_EQ(lines_of(ended.err).size(), 1u) << ended.err;
    }
  }
}

TEST_F(Broken, AProgramThatIsNoWorkerIsASentence) {
  write("script", "no interpreter");
  ASSERT_EQ(chmod((here() / "script").c_str(), 0755), 0);
  for (const std::string program : {"/bin/false", "/bin/true", "/bin/cat", "./script"}) {
    const Ended ended = flagship({"fetch", "--worker", program});
    EXPECT_EQ(ended.exit_code, 3) << program;
    EXPECT_EQ(ended.out, "");
    EXPECT_THAT(ended.err, AllOf(HasSubstr("flagship fetch: "), HasSubstr("'" + program + "'")));
    EXPECT_THAT(names_in(here()), ElementsAre("script"));
  }
}

TEST_F(Broken, TheWorkerProgramIsFoundBesideThisOne) {
  Command plain = command({"fetch", "BR"});
  plain.env.erase("FLAGSHIP_WORKER");
  plain.unset = {"FLAGSHIP_WORKER"};
  EXPECT_EQ(run(plain).exit_code, 0);
}

TEST_F(Broken, WorkersBeyondReasonAreRefused) {
  const Ended many = flagship({"fetch", "--from", "-", "-w", "200000", "-m", "200000"});
  EXPECT_EQ(many.exit_code, 2);
  EXPECT_THAT(many.err, HasSubstr("--workers"));
}

TEST_F(Broken, AFullDiskBehindStdoutIsASentence) {
  for (const std::string how : {"--json", "-v", "--trace-futures"}) {
    Command full = command({"fetch", how});
    full.output = Command::Output::full;
    const Ended ended = run(full);
    EXPECT_EQ(ended.exit_code, 3) << how;
    EXPECT_THAT(
        ended.err,
        HasSubstr("flagship fetch: cannot write to standard output: No space left on device"));
  }
}

// Results were written into the first file that was opened after.
TEST_F(Broken, AClosedStdoutIsNobodyElsesFile) {
  for (const std::string& executor : kExecutors) {
    Command closed = command({"fetch", "--json", "-x", executor});
    closed.output = Command::Output::closed;
    const Ended ended = run(closed);
    EXPECT_EQ(ended.exit_code, 0) << ended.err;
    for (const std::string& name : files())
      EXPECT_THAT(read_file(here() / "downloads" / name), StartsWith("GIF8"));
  }
}

}  // namespace
}  // namespace flagship::testing
