// SPDX-License-Identifier: MIT
// What `flagship fetch` and `flagship serve` do when all goes well, and what they say.
#include <signal.h>

#include <algorithm>
#include <fstream>
#include <regex>

#include "tests/integration/cli_fixture.hpp"

namespace flagship::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;

const Words kTwenty{"BD", "BR", "CD", "CN", "DE", "EG", "ET", "FR", "ID", "IN",
                    "IR", "JP", "MX", "NG", "PH", "PK", "RU", "TR", "US", "VN"};
const fs::path kFlags = "/usr/share/flags/countries/16x11";
const std::size_t kAll = 241, kEvery = 676;

bool has_control_characters(const std::string& text) {
  return std::any_of(text.begin(), text.end(),
                     [](unsigned char c) { return (c < 0x20 && c != '\n') || c == 0x7F; });
}

class Fetch : public CliTest {};

TEST_F(Fetch, EveryExecutorFetchesTheSameTwentyFlags) {
  for (const std::string& executor : kExecutors) {
    const Ended ended = flagship({"fetch", "-x", executor, "-o", executor, "--json"});
    ASSERT_EQ(ended.exit_code, 0) << ended.err;
    const auto items = by_key(ended.out);
    EXPECT_THAT(items, SizeIs(20));
    for (const std::string& code : kTwenty) {
      const std::string saved = read_file(here() / executor / (code + ".gif"));
      std::string name = code;
      std::transform(name.begin(), name.end(), name.begin(), ::tolower);
      EXPECT_EQ(saved, read_file(kFlags / (name + ".gif"))) << code;
      const Json& item = items.at(code);
      EXPECT_EQ(item["outcome"], "ok");
      EXPECT_EQ(item["attempts"], 1);
      EXPECT_EQ(item["status"], 200);
      EXPECT_EQ(item["bytes"], saved.size());
      EXPECT_EQ(item["sha256"], sha256_of(saved));
      EXPECT_EQ(item["path"], executor + "/" + code + ".gif");
      EXPECT_EQ(item["type"], "image/gif");
      EXPECT_EQ(item["worker"].is_null(), executor != "processes") << item;
      EXPECT_EQ(item["pid"].is_null(), executor != "processes") << item;
    }
    EXPECT_THAT(files(executor), SizeIs(20));
  }
}

TEST_F(Fetch, ReportIsAsPromisedAndStdoutStaysEmpty) {
  const std::string site =
      "LOCAL site: http://127.0.0.1:[0-9]+/flags\nSearching for 20 flags: from BD to VN\n";
  const std::map<std::string, std::string> connections{
      {"processes", "20 concurrent connections, 4 worker processes."},
      {"threads", "4 concurrent connections, 4 threads."},
      {"inline", "1 connection, inline."}};
  for (const auto& [executor, line] : connections) {
    const Ended ended = flagship({"fetch", "-x", executor, "-w", "4"});
    EXPECT_EQ(ended.exit_code, 0);
    EXPECT_EQ(ended.out, "");
    EXPECT_TRUE(
        std::regex_match(ended.err, std::regex(site + line +
                                               "\n--------------------\n 20 flags downloaded.\n"
                                               "Elapsed time: [0-9]+\\.[0-9][0-9]s\n")))
        << ended.err;
  }
}

TEST_F(Fetch, ReportCountsOneAsOne) {
  const Ended ended = flagship({"fetch", "BR"});
  EXPECT_THAT(ended.err, AllOf(HasSubstr("\nSearching for 1 flag: BR\n"),
                               HasSubstr("\n1 concurrent connection, 1 worker process.\n"),
                               HasSubstr("\n  1 flag downloaded.\n")));
}

TEST_F(Fetch, OutputThatIsNoTerminalHasNoControlCharacters) {
  for (const Words& how : {Words{}, Words{"-v"}, Words{"--json"}, Words{"--trace-futures"}}) {
    Words arguments{"fetch", "BR", "ZZ", "-s", "DELAY", "--delay", "300ms"};
    arguments.insert(arguments.end(), how.begin(), how.end());
    const Ended ended = flagship(arguments);
    EXPECT_FALSE(has_control_characters(ended.out)) << ended.out;
    EXPECT_FALSE(has_control_characters(ended.err)) << ended.err;
  }
}

TEST_F(Fetch, AllCountriesHaveAFlag) {
  const Ended ended = flagship({"fetch", "-a"});
  EXPECT_EQ(ended.exit_code, 0) << ended.err;
  EXPECT_THAT(files(), SizeIs(kAll));
  EXPECT_THAT(ended.err, HasSubstr("\nSearching for 241 flags: from AD to ZW\n"));
}

TEST_F(Fetch, EveryCodeEndsOnceAndTheCountsAddUp) {
  const Ended ended = flagship({"fetch", "-e", "--json"});
  EXPECT_EQ(ended.exit_code, 1);
  const auto items = by_key(ended.out);
  EXPECT_THAT(items, SizeIs(kEvery));
  const auto found = std::count_if(items.begin(), items.end(),
                                   [](const auto& item) { return item.second["outcome"] == "ok"; });
  const auto missing = std::count_if(items.begin(), items.end(), [](const auto& item) {
    return item.second["outcome"] == "not_found" && item.second["status"] == 404 &&
           item.second["attempts"] == 1;
  });
  EXPECT_EQ(found, kAll);
  EXPECT_EQ(missing, kEvery - kAll);
  EXPECT_THAT(files(), SizeIs(kAll));
  EXPECT_THAT(ended.err, HasSubstr("\n241 flags downloaded.\n435 not found.\nElapsed"));
}

TEST_F(Fetch, CodesAreTwoLettersOrOneForItsTwentySix) {
  const Ended ended = flagship({"fetch", "br", "CN", "I", "BR", "--json"});
  EXPECT_EQ(ended.exit_code, 1);
  const auto items = by_key(ended.out);
  EXPECT_THAT(items, SizeIs(28));
  EXPECT_TRUE(items.contains("BR") && items.contains("CN") && items.contains("IA") &&
              items.contains("IZ"));
  EXPECT_THAT(files(), ElementsAre("BR.gif", "CN.gif", "ID.gif", "IE.gif", "IL.gif", "IN.gif",
                                   "IO.gif", "IQ.gif", "IR.gif", "IS.gif", "IT.gif"));
}

TEST_F(Fetch, TheLimitTakesTheFirst) {
  EXPECT_EQ(flagship({"fetch", "-l", "3"}).exit_code, 0);
  EXPECT_THAT(files(), ElementsAre("BD.gif", "BR.gif", "CD.gif"));
}

TEST_F(Fetch, EveryBeatsAllBeatsCodes) {
  EXPECT_THAT(flagship({"fetch", "BR", "-a", "-e", "--dry-run"}).out, HasSubstr("676 flags"));
  EXPECT_THAT(flagship({"fetch", "BR", "-a", "--dry-run"}).out, HasSubstr("241 flags"));
}

TEST_F(Fetch, InputOrderIsKeptThoughAnswersAreNot) {
  for (const std::string& executor : kExecutors) {
    const Ended ended = flagship({"fetch", "--order", "input", "-s", "DELAY", "--delay", "0..20ms",
                                  "--json", "-x", executor});
    EXPECT_EQ(ended.exit_code, 0);
    Words keys;
    for (const Json& line : json_lines(ended.out)) keys.push_back(line["key"]);
    EXPECT_THAT(keys, ElementsAreArray(kTwenty));
  }
}

TEST_F(Fetch, JsonLinesHaveAllKeys) {
  const Ended ended = flagship({"fetch", "BR", "ZZ", "--fault", "status:418", "--error-rate", "0.5",
                                "--json", "--retries", "0"});
  const auto lines = json_lines(ended.out);
  EXPECT_THAT(lines, SizeIs(2));
  for (const Json& line : lines) {
    Words keys;
    for (const auto& [key, value] : line.items()) keys.push_back(key);
    EXPECT_THAT(
        keys, ElementsAre("key", "url", "outcome", "class", "reason", "attempts", "status", "bytes",
                          "sha256", "path", "type", "ms", "host", "worker", "pid"));
  }
}

TEST_F(Fetch, VerboseHasALineAnItem) {
  const Ended ended = flagship({"fetch", "BR", "CN", "ZZ", "-v", "--order", "input"});
  EXPECT_THAT(
      ended.out,
      ContainsRegex("^BR OK\nCN OK\nZZ not found: http://127.0.0.1:[0-9]+/flags/zz/zz.gif\n$"));
  EXPECT_THAT(ended.err, Not(HasSubstr("not found: ")));
}

TEST_F(Fetch, FailedItemsShowOnStderrAlsoWhenQuiet) {
  const Ended ended = flagship({"fetch", "BR", "ZZ", "-q"});
  EXPECT_EQ(ended.exit_code, 1);
  EXPECT_EQ(ended.out, "");
  EXPECT_THAT(ended.err, MatchesRegex("ZZ not found: http://127.0.0.1:[0-9]+/flags/zz/zz.gif\n"));
}

TEST_F(Fetch, QuietSaysNothingWhenAllIsWell) {
  const Ended ended = flagship({"fetch", "-q"});
  EXPECT_EQ(ended.exit_code, 0);
  EXPECT_EQ(ended.out + ended.err, "");
}

TEST_F(Fetch, FuturesAreTracedFromScheduledToFinished) {
  for (const std::string& executor : kExecutors) {
    // What is over before anybody can listen was never seen to run: so it takes a moment.
    const Ended ended = flagship(
        {"fetch", "--trace-futures", "-x", executor, "-l", "5", "-s", "DELAY", "--delay", "0.3"});
    EXPECT_EQ(ended.exit_code, 0);
    std::map<std::string, Words> by_code;
    for (const std::string& line : lines_of(ended.out)) {
      std::smatch match;
      if (std::regex_match(line, match,
                           std::regex("Scheduled for ([A-Z]{2}): <Future ([0-9]+) .*>"))) {
        by_code[match[1]].push_back("scheduled " + match[2].str());
      } else if (std::regex_match(
                     line, match,
                     std::regex("Running for ([A-Z]{2}): <Future ([0-9]+) .*state=running.*>"))) {
        by_code[match[1]].push_back("running " + match[2].str());
      } else if (std::regex_match(
                     line, match,
                     std::regex("<Future ([0-9]+) .*state=finished.*> result: ([A-Z]{2})"))) {
        by_code[match[2]].push_back("finished " + match[1].str());
      } else {
        ADD_FAILURE() << executor << ": " << line;
      }
    }
    EXPECT_THAT(by_code, SizeIs(5));
    std::set<std::string> ids;
    for (const auto& [code, steps] : by_code) {
      const std::string id = steps[0].substr(steps[0].find(' '));
      EXPECT_TRUE(ids.insert(id).second);
      Words expected{"scheduled" + id};
      if (executor != "inline")
        expected.push_back("running" + id);  // inline, it is over when it is scheduled
      expected.push_back("finished" + id);
      EXPECT_EQ(steps, expected) << executor << " " << code;
    }
  }
}

TEST_F(Fetch, DryRunSaysThePlanAndTouchesNothing) {
  const Ended ended =
      flagship({"fetch", "-e", "-o", "out", "--dry-run", "--worker", "/nonexistent", "-w", "3"});
  EXPECT_EQ(ended.exit_code, 0) << ended.err;
  EXPECT_EQ(ended.err, "");
  EXPECT_THAT(ended.out, AllOf(HasSubstr("676 flags"), HasSubstr("LOCAL"),
                               HasSubstr("out/{key}{ext}"), HasSubstr("3 worker processes")));
  EXPECT_THAT(names_in(here()), IsEmpty());
}

TEST_F(Fetch, DryRunConnectsToNothing) {
  Server server(command({"serve", "--fault", "status:503"}));
  const Ended ended =
      flagship({"fetch", "--base-url", server.url(), "--allow-private", "--dry-run"});
  EXPECT_EQ(ended.exit_code, 0);
  EXPECT_THAT(ended.out, HasSubstr(server.url()));
}

TEST_F(Fetch, NamesFollowTheTemplate) {
  EXPECT_EQ(
      flagship({"fetch", "BR", "CN", "--name", "flag-of-{key}{ext}", "-o", "deep/er/"}).exit_code,
      0);
  EXPECT_THAT(files("deep/er"), ElementsAre("flag-of-BR.gif", "flag-of-CN.gif"));
}

TEST_F(Fetch, TwoItemsNeverShareAName) {
  EXPECT_EQ(flagship({"fetch", "BR", "CN", "US", "--name", "flag{ext}"}).exit_code, 0);
  EXPECT_THAT(files(), ElementsAre("flag-2.gif", "flag-3.gif", "flag.gif"));
}

// It was "out//BR.gif".
TEST_F(Fetch, PathsHaveNoDoubleSlash) {
  EXPECT_EQ(by_key(flagship({"fetch", "BR", "--json", "-o", "out/"}).out).at("BR")["path"],
            "out/BR.gif");
}

TEST_F(Fetch, WithoutASinkNothingIsKept) {
  const Ended ended = flagship({"fetch", "BR", "--sink", "none", "--json"});
  EXPECT_EQ(ended.exit_code, 0);
  EXPECT_TRUE(by_key(ended.out).at("BR")["path"].is_null());
  EXPECT_EQ(by_key(ended.out).at("BR")["sha256"], sha256_of(read_file(kFlags / "br.gif")));
  EXPECT_THAT(names_in(here()), IsEmpty());
}

TEST_F(Fetch, FilesThatWereThereAreReplacedAndOthersStay) {
  fs::create_directory(here() / "downloads");
  write("downloads/BR.gif", "old");
  write("downloads/mine.txt", "mine");
  EXPECT_EQ(flagship({"fetch", "BR"}).exit_code, 0);
  EXPECT_EQ(read_file(here() / "downloads/BR.gif"), read_file(kFlags / "br.gif"));
  EXPECT_EQ(read_file(here() / "downloads/mine.txt"), "mine");
}

TEST_F(Fetch, WorkersAreNamedForPs) {
  Program program(command({"fetch", "-w", "2", "-s", "DELAY", "--delay", "1m"}));
  EXPECT_TRUE(wait_until([&] { return program.workers().size() == 2; }));
  std::set<std::string> names, titles;
  for (const Program::Process& worker : program.workers()) {
    names.insert(worker.name);
    titles.insert(read_file("/proc/" + std::to_string(worker.pid) + "/cmdline").c_str());
  }
  EXPECT_THAT(names, ElementsAre("fetch/worker-0", "fetch/worker-1"));
  EXPECT_THAT(titles, ElementsAre("flagship: fetch/worker-0", "flagship: fetch/worker-1"));
  EXPECT_TRUE(wait_until([&] {
    program.signal(SIGINT);
    return !program.running();
  }));
}

TEST_F(Fetch, OnlyProcessesStartsAny) {
  for (const std::string executor : {"inline", "threads"}) {
    Program program(command({"fetch", "BR", "-x", executor, "-s", "DELAY", "--delay", "1m",
                             "--worker", "/nonexistent"}));
    EXPECT_TRUE(program.warns("Searching"));
    EXPECT_THAT(program.processes(), SizeIs(1));
    EXPECT_TRUE(wait_until([&] {
      program.signal(SIGTERM);
      return !program.running();
    }));
    EXPECT_EQ(program.wait().exit_code, 143);
  }
}

TEST_F(Fetch, ATerminalHasAProgressBarThatIsGoneAtTheEnd) {
  Command bar = command({"fetch", "-s", "DELAY", "--delay", "300ms..900ms"});
  bar.terminal = true;
  const Ended ended = run(bar);
  EXPECT_EQ(ended.exit_code, 0) << ended.err;
  EXPECT_THAT(ended.err, ContainsRegex("\r\\[#*\\.*\\] [0-9]+/20 flags, [0-9]+/s"));
  EXPECT_THAT(ended.err, HasSubstr("\r\x1b[K20 concurrent connections"));
  EXPECT_EQ(ended.out, "");
}

TEST_F(Fetch, NoBarIsShownForWhomItWouldDisturb) {
  for (const std::string how : {"-q", "--json", "-v", "--trace-futures"}) {
    Command bar = command({"fetch", "BR", "-s", "DELAY", "--delay", "300ms", how});
    bar.terminal = true;
    EXPECT_THAT(run(bar).err, Not(HasSubstr("\x1b"))) << how;
  }
}

class Lists : public CliTest {
 protected:
  Server server_{command({"serve"})};
  std::string url(const std::string& code) const {
    return server_.url() + "/" + code + "/" + code + ".gif";
  }
};

TEST_F(Lists, AreFetchedInTheirOrderWithErrorsForLinesThatHoldNoUrl) {
  write("urls.txt", "\xEF\xBB\xBF# flags\r\n" + url("us") + "\r\n\r\nnonsense\r\n" + url("br") +
                        "?v=1#x\r\n" + url("zz"));
  const Ended ended =
      flagship({"fetch", "--from", "urls.txt", "--order", "input", "--json", "--allow-private"});
  EXPECT_EQ(ended.exit_code, 1);
  const auto lines = json_lines(ended.out);
  ASSERT_THAT(lines, SizeIs(4));
  EXPECT_EQ(lines[0]["path"], "downloads/us.gif");
  EXPECT_EQ(lines[1]["class"], "bad_input");
  EXPECT_THAT(lines[1]["reason"], HasSubstr("urls.txt:4"));
  EXPECT_EQ(lines[2]["path"], "downloads/br.gif");
  EXPECT_EQ(lines[3]["outcome"], "not_found");
  EXPECT_THAT(ended.err, AllOf(HasSubstr("  2 files downloaded.\n  1 not found.\n  1 error.\n"),
                               HasSubstr("nonsense")));
}

TEST_F(Lists, TheLimitIsOfLinesInTheirOrder) {
  write("urls.txt", url("us") + "\n" + url("br") + "\n" + url("cn") + "\n");
  EXPECT_EQ(flagship({"fetch", "--from", "urls.txt", "-l", "2", "--allow-private"}).exit_code, 0);
  EXPECT_THAT(files(), ElementsAre("br.gif", "us.gif"));
}

TEST_F(Lists, AnEmptyOneIsAllWellAndSaysSo) {
  write("urls.txt", "# nothing\n\n");
  for (const std::string& executor : kExecutors) {
    const Ended ended = flagship({"fetch", "--from", "urls.txt", "-x", executor});
    EXPECT_EQ(ended.exit_code, 0);
    EXPECT_EQ(ended.out, "");
    EXPECT_THAT(ended.err, HasSubstr("The list is empty.\n"));
  }
  EXPECT_THAT(names_in(here()), ElementsAre("urls.txt"));
}

TEST_F(Lists, OnesThatCannotBeReadEndWithASentence) {
  const std::pair<std::string, std::string> lists[] = {
      {"none.txt", "cannot read the list 'none.txt'"}, {".", "the folder '.' holds no list"}};
  for (const auto& [name, sentence] : lists) {
    const Ended ended = flagship({"fetch", "--from", name});
    EXPECT_EQ(ended.exit_code, 3);
    EXPECT_THAT(ended.err, AllOf(HasSubstr(sentence), Not(HasSubstr("site:"))));
  }
  EXPECT_THAT(names_in(here()), IsEmpty());
}

TEST_F(Lists, ASlowPipeIsFetchedBeforeItsEnd) {
  for (const std::string& executor : kExecutors) {
    Command from_pipe =
        command({"fetch", "--from", "-", "-v", "--allow-private", "-x", executor, "-o", executor});
    from_pipe.keep_input_open = true;
    Program program(from_pipe);
    for (const char* code : {"us", "br", "cn"}) {
      ASSERT_TRUE(program.write_input(url(code) + "\n"));
      ASSERT_TRUE(program.says(code + std::string(" OK\n"))) << executor << program.err();
      EXPECT_TRUE(program.running());
    }
    program.write_input(url("de"));
    program.close_input();
    const Ended ended = program.wait();
    EXPECT_EQ(ended.exit_code, 0);
    EXPECT_THAT(ended.out, HasSubstr("de OK\n"));
    EXPECT_THAT(ended.err, HasSubstr("  4 files downloaded.\n"));
  }
}

TEST_F(Lists, AnInterruptIsHeardThoughThePipeIsSilent) {
  for (const std::string& executor : kExecutors) {
    Command from_pipe = command({"fetch", "--from", "-", "-v", "-x", executor});
    from_pipe.keep_input_open = true;
    Program program(from_pipe);
    ASSERT_TRUE(program.warns("List: standard input\n"));
    program.signal(SIGINT);
    EXPECT_EQ(program.wait().exit_code, 130) << executor;
  }
}

TEST_F(Lists, AnEndlessOneWithoutUrlsCanBeInterrupted) {
  Command yes =
      command({"-c", std::string("yes | exec ") + FLAGSHIP_PROGRAM + " fetch --from - 2>&1"});
  yes.argv[0] = "/bin/sh";
  Program program(yes);
  ASSERT_TRUE(program.says("holds no http"));
  for (const Program::Process& process : program.processes()) {
    if (process.name == "flagship") ::kill(process.pid, SIGINT);
  }
  EXPECT_EQ(program.wait().exit_code, 130);
}

TEST_F(Lists, FiveThousandItemsThroughTwoWorkers) {
  std::string list;
  for (int i = 0; i < 5000; ++i) list += url("br") + "?" + std::to_string(i) + "\n";
  write("urls.txt", list);
  const Ended ended =
      flagship({"fetch", "--from", "urls.txt", "-w", "2", "--allow-private", "--json"});
  EXPECT_EQ(ended.exit_code, 0) << ended.err;
  const auto lines = json_lines(ended.out);
  EXPECT_THAT(lines, SizeIs(5000));
  std::set<std::string> paths, workers;
  for (const Json& line : lines) {
    paths.insert(line["path"]);
    workers.insert(line["worker"].dump());
  }
  EXPECT_THAT(paths, SizeIs(5000));
  EXPECT_THAT(workers, SizeIs(2));
  EXPECT_THAT(files(), SizeIs(5000));
  EXPECT_THAT(ended.err, AllOf(HasSubstr("\n30 concurrent connections, 2 worker processes.\n"),
                               HasSubstr("\n5000 files downloaded.\n")));
}

TEST_F(Lists, ShortOnesTakeNoMoreWorkersThanItems) {
  write("urls.txt", "# two\n" + url("br") + "\n\n" + url("us") + "\n");
  const Ended ended = flagship({"fetch", "--from", "urls.txt", "-w", "4", "--allow-private"});
  EXPECT_EQ(ended.exit_code, 0);
  EXPECT_THAT(ended.err, HasSubstr("\n2 concurrent connections, 2 worker processes.\n"));
}

TEST_F(Lists, ControlCharactersOfALineDoNotReachTheTerminal) {
  write("urls.txt", "\x1b[2Jnonsense\n" + server_.url() + "/\x1b]0;x\a\n" + server_.url() +
                        "/a\xC2\x9B"
                        "2J.gif\n");
  const Ended ended = flagship({"fetch", "--from", "urls.txt", "--allow-private"});
  EXPECT_EQ(ended.exit_code, 1);
  EXPECT_FALSE(has_control_characters(ended.err)) << ended.err;
  EXPECT_THAT(ended.err, Not(HasSubstr("\xC2\x9B")));
}

TEST_F(Lists, NulBytesAndHugeLinesAreErrorsOfTheirItems) {
  write("urls.txt", url("br") + "\n" + server_.url() + std::string("/a\0b\n", 5) + server_.url() +
                        "/" + std::string(3'000'000, 'x') + "\n" + url("us") + "\n");
  const Ended ended =
      flagship({"fetch", "--from", "urls.txt", "--allow-private", "--json", "--order", "input"});
  EXPECT_EQ(ended.exit_code, 1);
  const auto lines = json_lines(ended.out);
  ASSERT_THAT(lines, SizeIs(4));
  EXPECT_EQ(lines[1]["class"], "bad_input");
  EXPECT_EQ(lines[2]["class"], "bad_input");
  EXPECT_EQ(lines[3]["outcome"], "ok");
  EXPECT_THAT(ended.err.size(), ::testing::Lt(10'000u));
}

class Remote : public CliTest {};

TEST_F(Remote, ABaseUrlOnThisMachineNeedsAllowPrivate) {
  Server server(command({"serve"}));
  for (const std::string& executor : kExecutors) {
    const Ended refused =
        flagship({"fetch", "BR", "--base-url", server.url(), "--json", "-x", executor});
    EXPECT_EQ(refused.exit_code, 1);
    EXPECT_EQ(by_key(refused.out).at("BR")["class"], "refused_address");
    EXPECT_THAT(left(), IsEmpty());
  }
  const Ended taken = flagship({"fetch", "BR", "--base-url", server.url(), "--allow-private"});
  EXPECT_EQ(taken.exit_code, 0);
  EXPECT_THAT(taken.err, StartsWith("REMOTE site: " + server.url() + "\n"));
  EXPECT_THAT(files(), ElementsAre("BR.gif"));
}

TEST_F(Remote, OtherSpellingsOfThisMachineAreRefusedToo) {
  Server server(command({"serve"}));
  const std::string port = server.url().substr(server.url().rfind(':'));
  for (const std::string host :
       {"localhost", "[::ffff:127.0.0.1]", "0", "0x7f.1", "2130706433", "127.1"}) {
    const Ended ended = flagship(
        {"fetch", "BR", "--base-url", "http://" + host + port, "--json", "--retries", "0"});
    EXPECT_EQ(by_key(ended.out).at("BR")["class"], "refused_address") << host << ended.out;
  }
}

TEST_F(Remote, TheBuiltInServersNeedNoLeaveButOthersDo) {
  Server server(command({"serve"}));
  write("urls.txt", server.url() + "/br/br.gif\n");
  const Ended ended = flagship({"fetch", "--from", "urls.txt", "--json"});
  EXPECT_EQ(json_lines(ended.out).at(0)["class"], "refused_address");
}

TEST_F(Remote, TemplatesTakeTheCodeInEitherCase) {
  Server server(command({"serve"}));
  const Ended ended = flagship(
      {"fetch", "BR", "CN", "--template", server.url() + "/{cc}/{CC}.gif", "--allow-private"});
  EXPECT_EQ(ended.exit_code, 0) << ended.err;
  EXPECT_THAT(files(), ElementsAre("BR.gif", "CN.gif"));
}

class Serve : public CliTest {};

TEST_F(Serve, PrintsItsUrlAndStopsWhenTold) {
  for (const int signal : {SIGTERM, SIGINT}) {
    Server server(command({"serve"}));
    EXPECT_THAT(server.url(), MatchesRegex("http://127.0.0.1:[0-9]+/flags"));
    server.program().signal(signal);
    const Ended ended = server.program().wait();
    EXPECT_EQ(ended.exit_code, 0);
    EXPECT_EQ(ended.out, server.url() + "\n");
    EXPECT_EQ(ended.err, "");
  }
}

TEST_F(Serve, APortThatIsTakenIsASentence) {
  Server server(command({"serve"}));
  const std::string port = server.url().substr(17, server.url().find("/flags") - 17);
  const Ended ended = flagship({"serve", "--port", port});
  EXPECT_EQ(ended.exit_code, 3);
  EXPECT_EQ(ended.out, "");
  EXPECT_THAT(ended.err, AllOf(StartsWith("flagship serve: "), HasSubstr(port)));
}

TEST_F(Serve, ServesTheFolderItIsGiven) {
  fs::create_directories(here() / "mine/flags/BR");
  write("mine/flags/BR/br.GIF", "GIF of Brazil");
  Server server(command({"serve", "--root", "mine"}));
  const Ended ended = flagship({"fetch", "BR", "CN", "--base-url", server.url(), "--allow-private",
                                "-v", "--order", "input"});
  EXPECT_THAT(ended.out, StartsWith("BR OK\nCN not found"));
  EXPECT_EQ(read_file(here() / "downloads/BR.gif"), "GIF of Brazil");
}

TEST_F(Serve, AFolderWithoutFlagsIsASentence) {
  const Ended ended = flagship({"serve", "--root", "."});
  EXPECT_EQ(ended.exit_code, 3);
  EXPECT_THAT(ended.err, HasSubstr("holds none"));
}

}  // namespace
}  // namespace flagship::testing
