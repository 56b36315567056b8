// SPDX-License-Identifier: MIT
// Lists of every kind through the real program, and what it shows of a run.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>

#include "tests/integration/cli_fixture.hpp"
#include "tests/support/scripted_server.hpp"

namespace flagship::testing {
namespace {

using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;
using ::testing::Not;
using ::testing::SizeIs;

class ListKinds : public CliTest {
 protected:
  std::string url(const std::string& code) const {
    return server_.url() + "/" + code + "/" + code + ".gif";
  }
  Ended fetch(Words more) const {
    more.insert(more.begin(), {"fetch", "--allow-private", "--order", "input", "--json"});
    return flagship(std::move(more));
  }
  void pack(const std::string& name) const {
    EXPECT_EQ(run({.argv = {"/bin/gzip", (here() / name).string()}}).exit_code, 0);
  }

  Server server_{command({"serve"})};
};

TEST_F(ListKinds, AllOfThemFetchTheSame) {
  const std::string br = url("br"), us = url("us");
  write("a.txt", br + "\n" + us + "\n");
  write("b.csv", "id,url\r\n1," + br + "\r\n2,\"" + us + "\"\r\n");
  write("c.tsv", "url\tid\n" + br + "\t1\n" + us + "\t2\n");
  write("d.jsonl", "{\"url\":\"" + br + "\"}\n{\"url\":\"" + us + "\"}\n");
  for (const std::string name : {"a.txt", "b.csv", "c.tsv", "d.jsonl"}) {
    for (const bool packed : {false, true}) {
      if (packed) pack(name);
      const Ended ended = fetch({"--from", name + (packed ? ".gz" : ""), "-o", "out", "-w", "4"});
      EXPECT_EQ(ended.exit_code, 0) << ended.err;
      EXPECT_THAT(files("out"), ElementsAre("br.gif", "us.gif"));
      EXPECT_THAT(ended.err, HasSubstr("\n2 concurrent connections, 2 worker processes.\n"));
      std::filesystem::remove_all(here() / "out");
    }
  }
}

TEST_F(ListKinds, AFolderOfThemIsReadLikeOneAndGoneOnWith) {
  std::filesystem::create_directory(here() / "lists");
  write("lists/1.txt", url("br") + "\n" + url("zz") + "\n");
  write("lists/2.jsonl", "{\"url\":\"" + url("us") + "\"}\n{\"url\":1}\n");
  write("lists/3.csv", "url,id\n" + url("in") + ",1\n");
  write("lists/about", "no list");
  pack("lists/3.csv");
  const Ended ended = fetch({"--from", "lists", "-o", "out"});
  EXPECT_EQ(ended.exit_code, 1) << ended.err;
  std::vector<std::string> outcomes;
  for (const Json& line : json_lines(ended.out)) outcomes.push_back(line["outcome"]);
  EXPECT_THAT(outcomes, ElementsAre("ok", "not_found", "ok", "error", "ok"));
  EXPECT_THAT(ended.err, AllOf(HasSubstr("List: lists\n"), HasSubstr("2.jsonl:2 ")));
  EXPECT_THAT(files("out"), ElementsAre("br.gif", "in.gif", "us.gif"));
  const Ended again = flagship({"fetch", "--resume", "out"});
  EXPECT_THAT(again.err, HasSubstr("5 files on record from before: 3 downloaded"));
}

TEST_F(ListKinds, AFolderWithoutThemIsASentence) {
  std::filesystem::create_directory(here() / "lists");
  const Ended ended = fetch({"--from", "lists"});
  EXPECT_EQ(ended.exit_code, 3);
  EXPECT_THAT(ended.err, HasSubstr("the folder 'lists' holds no list"));
  EXPECT_THAT(names_in(here()), ElementsAre("lists"));
}

TEST_F(ListKinds, ColumnsMakeUrlsKeysAndNames) {
  write("l.csv", "code,country,set\nbr,Brazil,a\nus,../United/States,b\n");
  const Ended ended = fetch({"--from", "l.csv", "--template", server_.url() + "/{code}/{code}.gif",
                             "--key", "country", "--name", "{set}-{key}{ext}"});
  EXPECT_EQ(ended.exit_code, 0) << ended.err;
  EXPECT_THAT(files(), ElementsAre("a-Brazil.gif", "b-.._United_States.gif"));
  EXPECT_TRUE(by_key(ended.out).contains("Brazil"));
}

TEST_F(ListKinds, AColumnThatIsNotThereIsAUsageErrorThatTouchesNothing) {
  write("l.csv", "code,country\nbr,Brazil\n");
  for (const Words& how : {Words{"--url", "link"}, Words{"--template", "http://h/{link}"},
                           Words{"--template", "http://h/{code}", "--name", "{link}"},
                           Words{"--template", "http://h/{code}", "--checksum", "link"}}) {
    Words arguments{"--from", "l.csv"};
    arguments.insert(arguments.end(), how.begin(), how.end());
    const Ended ended = fetch(arguments);
    EXPECT_EQ(ended.exit_code, 2);
    EXPECT_THAT(ended.err, AllOf(HasSubstr("there is no column 'link'; there are: code, country"),
                                 Not(HasSubstr("site:"))));
    EXPECT_THAT(names_in(here()), ElementsAre("l.csv"));
  }
}

TEST_F(ListKinds, AColumnThatAPipeHasNotIsAUsageErrorToo) {
  const std::string pipe = here() / "l.csv";
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  Program program(command({"fetch", "--from", "l.csv", "--key", "id"}));
  const int writer = ::open(pipe.c_str(), O_WRONLY);
  EXPECT_EQ(::write(writer, "url\n", 4), 4);
  EXPECT_EQ(program.wait().exit_code, 2);
  ::close(writer);
  EXPECT_THAT(program.err(), HasSubstr("--key: there is no column 'id'; there are: url"));
}

TEST_F(ListKinds, ABodyMustHaveItsChecksum) {
  const std::string right = sha256_of(read_file("/usr/share/flags/countries/16x11/br.gif"));
  write("l.csv", "url,sum\n" + url("br") + "," + right + "\n" + url("us") + "," + right + "\n");
  const Ended ended = fetch({"--from", "l.csv", "--checksum", "sum"});
  EXPECT_EQ(ended.exit_code, 1);
  const auto lines = json_lines(ended.out);
  ASSERT_THAT(lines, SizeIs(2));
  EXPECT_EQ(lines[0]["outcome"], "ok");
  EXPECT_EQ(lines[1]["class"], "bad_checksum");
  EXPECT_THAT(files(), ElementsAre("br.gif"));
}

TEST_F(ListKinds, AChecksumThatIsNoneIsAnErrorOfItsItem) {
  write("l.csv", "url,sum\n" + url("br") + ",123\n");
  const Ended ended = fetch({"--from", "l.csv", "--checksum", "sum"});
  EXPECT_EQ(ended.exit_code, 1);
  const auto lines = json_lines(ended.out);
  ASSERT_THAT(lines, SizeIs(1));
  EXPECT_EQ(lines[0]["class"], "bad_input");
  EXPECT_THAT(lines[0]["reason"], HasSubstr("l.csv:2 has no SHA-256"));
}

TEST_F(ListKinds, StrictStopsAtTheFirstBadLine) {
  std::string list = url("br") + "\nnonsense\n";
  for (int i = 0; i < 2000; ++i) list += url("us") + "?" + std::to_string(i) + "\n";
  write("l.txt", list);
  const Ended ended = fetch({"--from", "l.txt", "--strict"});
  EXPECT_EQ(ended.exit_code, 1);
  EXPECT_THAT(ended.err, AllOf(HasSubstr("l.txt:2 holds no http or https URL"),
                               HasSubstr("Stopped at the first line that is no item (--strict).")));
  EXPECT_THAT(json_lines(ended.out).size(), ::testing::Lt(3u));
}

TEST_F(ListKinds, APackedListThatIsCutShortGivesWhatItHas) {
  write("l.txt", url("br") + "\n");
  pack("l.txt");
  const std::string packed = read_file(here() / "l.txt.gz");
  write("l.txt.gz", packed.substr(0, packed.size() - 3));
  const Ended ended = fetch({"--from", "l.txt.gz"});
  EXPECT_EQ(ended.exit_code, 1);
  const auto lines = json_lines(ended.out);
  ASSERT_THAT(lines, SizeIs(2));
  EXPECT_EQ(lines[0]["outcome"], "ok");
  EXPECT_THAT(lines[1]["reason"], HasSubstr("cut short"));
}

TEST_F(ListKinds, DryRunSaysWhereTheUrlsComeFrom) {
  write("l.csv", "code\nbr\n");
  const Ended ended =
      flagship({"fetch", "--from", "l.csv", "--template", "http://h/{code}", "--dry-run"});
  EXPECT_EQ(ended.exit_code, 0) << ended.err;
  EXPECT_THAT(ended.out, HasSubstr("From: http://h/{code}\n"));
}

class Sight : public ListKinds {};

TEST_F(Sight, TheReportOfAListGoesOnBelowItsCounts) {
  write("l.txt", url("br") + "\nbad\n" + url("us") + "\n");
  const Ended ended = flagship({"fetch", "--from", "l.txt", "--allow-private"});
  EXPECT_THAT(ended.err, ContainsRegex("\n  2 files downloaded.\n  1 error.\nElapsed time: "
                                       "[0-9.]+s\nReceived [0-9]+ B, [^,]*/s, [0-9.]+ files/s.\n"
                                       "Time of a file: p50 [^,]*, p90 [^,]*, p99 [^,]*, at most "
                                       "[^,]*\\.\nErrors: 1 bad_input.\n$"));
}

TEST_F(Sight, ASummaryIsWrittenAsJson) {
  write("l.txt", url("br") + "\n" + url("zz") + "\n");
  EXPECT_EQ(fetch({"--from", "l.txt", "--summary", "s.json"}).exit_code, 1);
  const Json summary = Json::parse(read_file(here() / "s.json"));
  EXPECT_EQ(summary["ok"], 1);
  EXPECT_EQ(summary["not_found"], 1);
  EXPECT_EQ(summary["complete"], true);
}

TEST_F(Sight, ASummaryThatCannotBeWrittenIsASentence) {
  const Ended ended = flagship({"fetch", "BR", "--summary", "none/s.json"});
  EXPECT_EQ(ended.exit_code, 3);
  EXPECT_THAT(ended.err, HasSubstr("flagship fetch: cannot write 'none/s.json': No such file"));
}

class Log : public CliTest {
 protected:
  /// What is in the log, but for its times.
  std::vector<Json> events() const {
    auto lines = json_lines(read_file(here() / "log.jsonl"));
    for (Json& line : lines) {
      EXPECT_THAT(line["time"].get<std::string>(), MatchesRegex("20..-..-..T..:..:..\\.[0-9]{3}Z"));
      line.erase("time");
    }
    return lines;
  }
  static std::vector<Json> of(const std::vector<Json>& all, const std::string& event) {
    std::vector<Json> some;
    for (const Json& one : all)
      if (one["event"] == event) some.push_back(one);
    return some;
  }
  Ended fetch(Words more) const {
    more.insert(more.begin(),
                {"fetch", "--from", "l.txt", "--allow-private", "--log", "log.jsonl"});
    return flagship(std::move(more));
  }

  std::atomic<int> requests_ = 0;
  ScriptedServer server_{each_request([this](Peer& peer, const std::string& request) {
    if (asks_for(request, "/none")) return void(peer.send(response("404 Not Found", "")));
    const bool busy = asks_for(request, "/busy") && ++requests_ == 1;
    peer.send(response(busy ? "503 Busy\r\nRetry-After: 0" : "200 OK", "good"));
  })};
};

TEST_F(Log, TellsOfEachAttemptAndEachItem) {
  write("l.txt",
        server_.url("/a") + "\n" + server_.url("/busy") + "\n" + server_.url("/none") + "\nbad\n");
  for (const std::string& executor : kExecutors) {
    requests_ = 0;
    EXPECT_EQ(fetch({"-q", "-x", executor, "-o", executor}).exit_code, 1);
    const auto all = events();
    EXPECT_EQ(all.front()["event"], "begin");
    EXPECT_EQ(all.front()["what"], "l.txt");
    EXPECT_EQ(all.back(), Json::parse(R"({"level":"info","event":"end","ok":2,"not_found":1,
        "skipped":0,"errors":1,"bytes":8,"complete":true,"signal":null})"));
    const auto attempts = of(all, "attempt");
    ASSERT_THAT(attempts, SizeIs(1));
    EXPECT_EQ(attempts[0]["url"], server_.url("/busy"));
    EXPECT_EQ(attempts[0]["attempt"], 1);
    EXPECT_EQ(attempts[0]["class"], "http_status");
    EXPECT_EQ(attempts[0]["status"], 503);
    std::map<std::string, std::string> levels;
    for (const Json& item : of(all, "item")) levels[item["key"]] = item["level"];
    EXPECT_EQ(levels,
              (std::map<std::string, std::string>{
                  {"a", "info"}, {"busy", "info"}, {"none", "warning"}, {"line 4", "error"}}));
    std::filesystem::remove(here() / "log.jsonl");
  }
}

TEST_F(Log, IsAppendedToAndHoldsNoMoreThanIsAskedFor) {
  write("log.jsonl", "{\"time\":\"2026-01-01T00:00:00.000Z\",\"event\":\"mine\"}\n");
  write("l.txt", server_.url("/a") + "\n" + server_.url("/none") + "\nbad\n");
  EXPECT_EQ(fetch({"-q", "--log-level", "error"}).exit_code, 1);
  const auto all = events();
  ASSERT_THAT(all, SizeIs(2));
  EXPECT_EQ(all[0]["event"], "mine");
  EXPECT_EQ(all[1]["class"], "bad_input");
}

TEST_F(Log, ShowsNoPassword) {
  write("l.txt", "http://me:s3cret@" + server_.endpoint() + "/busy\n");
  EXPECT_EQ(fetch({"-q"}).exit_code, 0);
  EXPECT_THAT(of(events(), "attempt"), SizeIs(1));
  EXPECT_THAT(read_file(here() / "log.jsonl"), Not(HasSubstr("s3cret")));
}

TEST_F(Log, TellsWhereRedirectsLed) {
  const ScriptedServer moving(each_request([](Peer& peer, const std::string& request) {
    peer.send(asks_for(request, "/there") ? response("200 OK", "good")
              : asks_for(request, "/a")   ? response("301 Moved\r\nLocation: /b", "")
                                          : response("302 Found\r\nLocation: /there", ""));
  }));
  write("l.txt", moving.url("/a") + "\n" + moving.url("/there") + "\n");
  EXPECT_EQ(fetch({"-q"}).exit_code, 0);
  for (const Json& item : of(events(), "item")) {
    if (item["key"] == "there") {
      EXPECT_FALSE(item.contains("redirects"));
      continue;
    }
    EXPECT_EQ(item["redirects"],
              Json::parse(R"([{"status":301,"url":")" + moving.url("/a") +
                          R"("},{"status":302,"url":")" + moving.url("/b") + R"("}])"));
  }
}

TEST_F(Log, ThatCannotBeWrittenEndsItBeforeItBegins) {
  const Ended ended = flagship({"fetch", "BR", "--log", "none/log"});
  EXPECT_EQ(ended.exit_code, 3);
  EXPECT_THAT(ended.err, HasSubstr("cannot write the log 'none/log': No such file"));
  EXPECT_THAT(names_in(here()), IsEmpty());
}

TEST_F(Log, ThatFindsNoRoomIsSaid) {
  const Ended ended = flagship({"fetch", "BR", "--log", "/dev/full"});
  EXPECT_EQ(ended.exit_code, 0);
  EXPECT_THAT(ended.err, HasSubstr("The log '/dev/full' is not complete: No space left"));
}

TEST_F(Sight, MetricsAreKeptWhileItRuns) {
  Command slow = command({"fetch", "BR", "--metrics", "m.prom", "-s", "DELAY", "--delay", "1m"});
  Program program(slow);
  EXPECT_TRUE(wait_until([&] {
    return std::filesystem::exists(here() / "m.prom") &&
           read_file(here() / "m.prom").find("\nflagship_finished 0\n") != std::string::npos;
  }));
  EXPECT_TRUE(wait_until([&] {
    program.signal(SIGINT);
    return !program.running();
  }));
  EXPECT_EQ(program.wait().exit_code, 130);
  EXPECT_THAT(read_file(here() / "m.prom"), EndsWith("\nflagship_finished 1\n"));
}

TEST_F(Sight, MetricsThatCannotBeWrittenEndItBeforeItBegins) {
  const Ended ended = flagship({"fetch", "BR", "--metrics", "none/m.prom"});
  EXPECT_EQ(ended.exit_code, 3);
  EXPECT_THAT(ended.err, AllOf(HasSubstr("cannot write 'none/m.prom'"), Not(HasSubstr("site:"))));
  EXPECT_THAT(names_in(here()), IsEmpty());
}

TEST_F(Sight, OffTerminalThereIsALineNowAndThen) {
  Program program(command({"fetch", "BR", "-s", "DELAY", "--delay", "1m"}));
  EXPECT_TRUE(program.warns("0/1 flags, 0/s\n"));
  EXPECT_TRUE(wait_until([&] {
    program.signal(SIGINT);
    return !program.running();
  }));
}

}  // namespace
}  // namespace flagship::testing
