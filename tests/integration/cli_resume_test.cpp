// SPDX-License-Identifier: MIT
// The record of a run, as users meet it: going on, trying again, running twice, looking.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sqlite3.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "tests/integration/cli_fixture.hpp"
#include "tests/support/scripted_server.hpp"

namespace flagship::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

/// Every name has a body of its own.
std::string body_of(const std::string& name) { return "GIF8 " + name + std::string(500, '.'); }

/// "7.gif" of "GET /7.gif HTTP/1.1".
std::string name_asked_for(const std::string& request) {
  const auto begin = request.find('/') + 1;
  return request.substr(begin, request.find(' ', begin) - begin);
}

/// Serves any name, and notes which were asked for.
class NotingServer {
 public:
  using Answer = std::function<std::string(const std::string& name, const std::string& request)>;

  explicit NotingServer(Answer answer = {})
      : answer_(std::move(answer)),
        server_(each_request([this](Peer& peer, const std::string& request) {
          const std::string name = name_asked_for(request);
          {
            const std::lock_guard lock(mutex_);
            names_.push_back(name);
          }
          peer.send(answer_ ? answer_(name, request) : response("200 OK", body_of(name)));
        })) {}

  std::vector<std::string> asked() const {
    const std::lock_guard lock(mutex_);
    return names_;
  }
  std::string url(const std::string& name) const { return server_.url("/" + name); }
  std::string list(int size) const {
    std::string text;
    for (int i = 0; i < size; ++i) text += url(std::to_string(i) + ".gif") + "\n";
    return text;
  }

 private:
  const Answer answer_;
  mutable std::mutex mutex_;
  std::vector<std::string> names_;
  ScriptedServer server_;
};

/// The first column of what a statement finds in a record.
std::vector<std::string> found(const fs::path& record, const char* statement) {
  sqlite3* database = nullptr;
  EXPECT_EQ(sqlite3_open(record.c_str(), &database), SQLITE_OK);
  const std::unique_ptr<sqlite3, int (*)(sqlite3*)> close(database, sqlite3_close);
  std::vector<std::string> rows;
  const auto take = [](void* all, int, char** columns, char**) {
    static_cast<std::vector<std::string>*>(all)->emplace_back(columns[0]);
    return 0;
  };
  EXPECT_EQ(sqlite3_exec(database, statement, take, &rows, nullptr), SQLITE_OK)
      << sqlite3_errmsg(database);
  return rows;
}

class CliResumeTest : public CliTest {
 protected:
  fs::path record() const { return here() / "downloads/.flagship.db"; }

  Words fetch_list(Words more = {}) const {
    Words words{"fetch", "--from", "list.txt", "--allow-private", "-w", "2"};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }

  Json status() const {
    const Ended ended = flagship({"status", "--json"});
    EXPECT_EQ(ended.exit_code, 0) << ended.err;
    return json_lines(ended.out).at(0);
  }
};

/// One of many, by FLAGSHIP_KILLS.
class CliKillTest : public CliResumeTest {
 protected:
  static constexpr int kItems = 300;

  void kill_and_go_on(unsigned seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    fs::remove_all(here() / "downloads");
    std::mt19937 random(seed);
    NotingServer server;
    write("list.txt", server.list(kItems));
    Program program(command(fetch_list({"--json"})));
    const auto moment = std::uniform_int_distribution<std::size_t>(1, kItems)(random);
    ASSERT_TRUE(wait_until([&] { return server.asked().size() >= moment; }));
    Event never;
    never.wait(std::chrono::milliseconds(std::uniform_int_distribution<int>(0, 4)(random)));
    program.signal(SIGKILL);
    const Ended killed = program.wait();
    ASSERT_TRUE(wait_until([&] { return program.processes().empty(); }));

    const auto recorded = found(record(), "SELECT path FROM item WHERE outcome = 'ok'");
    for (const std::string& line : whole_lines(killed.out))
      EXPECT_THAT(recorded, Contains(Json::parse(line).at("key").get<std::string>() + ".gif"));
    const auto before = server.asked().size();
    const Ended ended = flagship({"fetch", "--resume", "downloads"});
    EXPECT_EQ(ended.exit_code, 0) << ended.err;

    const auto asked = server.asked();
    const std::set<std::string> again(asked.begin() + static_cast<long>(before), asked.end());
    for (const std::string& name : recorded) EXPECT_THAT(again, Not(Contains(name)));
    ASSERT_THAT(files(), SizeIs(kItems));
    for (const std::string& name : files())
      EXPECT_EQ(read_file(here() / "downloads" / name), body_of(name));
    clear_runtime_folders();
  }

  static std::vector<std::string> whole_lines(const std::string& out) {
    return lines_of(out.substr(0, out.rfind('\n') + 1));
  }

  // Those of a run that was killed are taken away by the next one to start.
  void clear_runtime_folders() {
    EXPECT_EQ(flagship({"fetch", "BR", "-q", "-o", "other"}).exit_code, 0);
  }
};

// FLAGSHIP_KILLS=50 for 50 of them; with FLAGSHIP_KILL_SEED=N the first has that seed.
TEST_F(CliKillTest, AfterAKillAtAnyMomentTheRunGoesOnAndFetchesNothingTwice) {
  const char* const kills = std::getenv("FLAGSHIP_KILLS");
  const char* const seed = std::getenv("FLAGSHIP_KILL_SEED");
  const unsigned first =
      seed != nullptr ? static_cast<unsigned>(std::atoi(seed)) : std::random_device{}();
  for (int i = 0; i < (kills != nullptr ? std::atoi(kills) : 3) && !HasFailure(); ++i)
    kill_and_go_on(first + static_cast<unsigned>(i));
}

TEST_F(CliResumeTest, AnInterruptedRunSaysHowToGoOn) {
  std::atomic<bool> open{false};
  Event hold;
  NotingServer server([&](const std::string& name, const std::string&) {
    if (name == "1.gif" && !open) hold.wait(kPatience);
    return response("200 OK", body_of(name));
  });
  write("list.txt", server.list(3));
  Program program(command(fetch_list({"-o", "my downloads", "--json"})));
  EXPECT_TRUE(program.says("\"2\""));
  program.signal(SIGINT);
  program.signal(SIGINT);
  const Ended ended = program.wait();
  EXPECT_EQ(ended.exit_code, 130);
  EXPECT_THAT(ended.err, HasSubstr("To go on: flagship fetch --resume 'my downloads'\n"));
  open = true;
  hold.set();
  const Ended resumed = flagship({"fetch", "--resume", "my downloads", "--json"});
  EXPECT_EQ(resumed.exit_code, 0) << resumed.err;
  EXPECT_THAT(by_key(resumed.out), ElementsAre(::testing::Key("1")));
  EXPECT_THAT(resumed.err, HasSubstr("2 files on record from before: 2 downloaded"));
}

TEST_F(CliResumeTest, FailedItemsRemainUntilTheyAreAskedFor) {
  std::atomic<bool> well{false};
  NotingServer server([&](const std::string& name, const std::string&) {
    if (name == "missing.gif") return response("404 Not Found", "");
    return name == "1.gif" && !well ? response("500 Ouch", "") : response("200 OK", body_of(name));
  });
  write("list.txt", server.list(2));
  EXPECT_EQ(flagship(fetch_list({"--retries", "0", "--name", "x-{key}{ext}"})).exit_code, 1);
  well = true;
  EXPECT_EQ(flagship({"fetch", "--resume", "downloads"}).exit_code, 1);
  EXPECT_EQ(flagship({"fetch", "--resume", "downloads", "--retry-failed=dns,tls"}).exit_code, 1);
  EXPECT_THAT(server.asked(), SizeIs(2));
  EXPECT_EQ(flagship({"fetch", "--resume", "downloads", "--retry-failed=http_status"}).exit_code,
            0);
  EXPECT_THAT(server.asked(), SizeIs(3));
  EXPECT_THAT(files(), ElementsAre("x-0.gif", "x-1.gif"));
}

TEST_F(CliResumeTest, CodesGoOnToo) {
  EXPECT_EQ(
      flagship({"fetch", "BR", "CN", "-s", "ERROR", "--delay", "0", "--error-rate", "1"}).exit_code,
      1);
  const Ended ended =
      flagship({"fetch", "--resume", "downloads", "--retry-failed", "--error-rate", "0"});
  EXPECT_EQ(ended.exit_code, 0) << ended.err;
  EXPECT_THAT(ended.err, HasSubstr("ERROR site"));
  EXPECT_THAT(files(), ElementsAre("BR.gif", "CN.gif"));
  const Ended nothing = flagship({"fetch", "--resume", "downloads"});
  EXPECT_EQ(nothing.exit_code, 0);
  EXPECT_THAT(nothing.err, HasSubstr("Nothing was left to do."));
}

TEST_F(CliResumeTest, AListThatWasPipedInHasToBeGivenAgain) {
  NotingServer server;
  Command piped = command({"fetch", "--from", "-", "--allow-private", "-w", "2"});
  piped.input = server.list(3);
  EXPECT_EQ(run(piped).exit_code, 0);
  const Ended refused = flagship({"fetch", "--resume", "downloads"});
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_THAT(refused.err, HasSubstr("give it again"));
  Command again = command({"fetch", "--resume", "downloads", "--from", "-"});
  again.input = server.list(4);
  const Ended ended = run(again);
  EXPECT_EQ(ended.exit_code, 0) << ended.err;
  EXPECT_THAT(server.asked(), SizeIs(4));
}

TEST_F(CliResumeTest, AListThatChangedIsSaidAndHeeded) {
  NotingServer server;
  write("list.txt", server.list(2));
  EXPECT_EQ(flagship(fetch_list()).exit_code, 0);
  write("list.txt", server.url("new.gif") + "\n" + server.url("1.gif") + "\n");
  const Ended ended = flagship({"fetch", "--resume", "downloads"});
  EXPECT_EQ(ended.exit_code, 0);
  EXPECT_THAT(ended.err, HasSubstr("The list is not what it was: 1 of its items"));
  EXPECT_THAT(server.asked(), SizeIs(3));
  EXPECT_THAT(files(), Contains("new.gif"));
}

TEST_F(CliResumeTest, ASecondRunAsksOnlyForWhatHasChanged) {
  std::atomic<int> version{1};
  NotingServer server([&](const std::string& name, const std::string& request) {
    const std::string tag = "\"" + std::to_string(name == "1.gif" ? version.load() : 1) + "\"";
    if (request.find("If-None-Match: " + tag) != std::string::npos)
      return std::string("HTTP/1.1 304 Not Modified\r\nETag: " + tag + "\r\n\r\n");
    return response("200 OK\r\nETag: " + tag, body_of(name) + tag);
  });
  write("list.txt", server.list(2));
  EXPECT_EQ(flagship(fetch_list()).exit_code, 0);
  version = 2;
  for (const char* outcome : {"ok", "skipped"}) {
    const Ended ended = flagship(fetch_list({"--json"}));
    EXPECT_EQ(ended.exit_code, 0) << ended.err;
    auto items = by_key(ended.out);
    EXPECT_EQ(items["0"]["outcome"], "skipped");
    EXPECT_EQ(items["1"]["outcome"], outcome);
  }
  EXPECT_EQ(read_file(here() / "downloads/1.gif"), body_of("1.gif") + "\"2\"");
  write("downloads/0.gif", "changed by hand");
  EXPECT_EQ(flagship(fetch_list()).exit_code, 0);
  EXPECT_EQ(read_file(here() / "downloads/0.gif"), body_of("0.gif") + "\"1\"");
}

TEST_F(CliResumeTest, FilesThatWereThereBeforeAreTreatedAsAsked) {
  NotingServer server;
  write("list.txt", server.list(1));
  fs::create_directory(here() / "downloads");
  write("downloads/0.gif", "mine");
  const Ended skip = flagship(fetch_list({"--existing", "skip", "--json"}));
  EXPECT_EQ(skip.exit_code, 0);
  EXPECT_EQ(by_key(skip.out)["0"]["outcome"], "skipped");
  const Ended fail = flagship(fetch_list({"--existing", "fail", "--json"}));
  EXPECT_EQ(fail.exit_code, 1);
  EXPECT_EQ(by_key(fail.out)["0"]["class"], "disk");
  EXPECT_THAT(server.asked(), IsEmpty());
  EXPECT_EQ(flagship(fetch_list({"--existing", "rename"})).exit_code, 0);
  EXPECT_THAT(files(), ElementsAre("0-2.gif", "0.gif"));
  EXPECT_EQ(read_file(here() / "downloads/0.gif"), "mine");
  EXPECT_EQ(flagship(fetch_list()).exit_code, 0);
  EXPECT_EQ(read_file(here() / "downloads/0.gif"), body_of("0.gif"));
}

TEST_F(CliResumeTest, ASecondRunAtTheSameTimeIsRefusedAndStatusTellsOfTheFirst) {
  Event hold;
  NotingServer server([&](const std::string& name, const std::string&) {
    if (name == "1.gif") hold.wait(kPatience);
    return response("200 OK", body_of(name));
  });
  write("list.txt", server.list(3));
  Program program(command(fetch_list({"--json"})));
  EXPECT_TRUE(program.says("\"2\""));
  const Ended second = flagship(fetch_list());
  EXPECT_EQ(second.exit_code, 3);
  EXPECT_THAT(second.err, HasSubstr("another run is at work in 'downloads'"));
  const Json running = status();
  EXPECT_EQ(running["state"], "running");
  EXPECT_EQ(running["in_flight"], 1);
  EXPECT_EQ(running["pid"], program.pid());
  hold.set();
  EXPECT_EQ(program.wait().exit_code, 0);
  const Json complete = status();
  EXPECT_EQ(complete["state"], "complete");
  EXPECT_EQ(complete["ok"], 3);
}

TEST_F(CliResumeTest, StatusSaysHowARunEndedAndHowToGoOn) {
  EXPECT_EQ(flagship({"status"}).exit_code, 3);
  EXPECT_EQ(flagship({"fetch", "BR", "QQ"}).exit_code, 1);
  const Ended ended = flagship({"status", "downloads"});
  EXPECT_EQ(ended.exit_code, 0);
  EXPECT_THAT(ended.out, HasSubstr("Complete"));
  EXPECT_THAT(ended.out, HasSubstr("1 downloaded"));
  EXPECT_THAT(ended.out, HasSubstr("1 not found"));
}

TEST_F(CliResumeTest, WithoutFilesThereIsARecordOnlyInAFolderThatWasNamed) {
  EXPECT_EQ(flagship({"fetch", "BR", "--sink", "none"}).exit_code, 0);
  EXPECT_FALSE(fs::exists(here() / "downloads"));
  EXPECT_EQ(flagship({"fetch", "BR", "--sink", "none", "-o", "downloads"}).exit_code, 0);
  EXPECT_EQ(status()["ok"], 1);
  EXPECT_THAT(files(), IsEmpty());
}

TEST_F(CliResumeTest, ADamagedRecordIsRefused) {
  fs::create_directory(here() / "downloads");
  write("downloads/.flagship.db", std::string(5000, 'x'));
  for (const Words& words :
       {Words{"fetch", "BR"}, Words{"fetch", "--resume", "downloads"}, Words{"status"}}) {
    const Ended ended = flagship(words);
    EXPECT_EQ(ended.exit_code, 3);
    EXPECT_THAT(ended.err, HasSubstr("downloads/.flagship.db': it is damaged"));
  }
}

TEST_F(CliResumeTest, WhatDoesNotGoWithResumeIsAUsageError) {
  EXPECT_EQ(flagship({"fetch", "BR", "--retry-failed"}).exit_code, 2);
  EXPECT_EQ(flagship({"fetch", "--resume", "downloads"}).exit_code, 3);
  EXPECT_EQ(flagship({"fetch", "BR"}).exit_code, 0);
  EXPECT_EQ(flagship({"fetch", "--resume", "downloads", "-o", "other"}).exit_code, 2);
  EXPECT_EQ(flagship({"fetch", "--resume", "downloads", "--retry-failed=nonsense"}).exit_code, 2);
  EXPECT_EQ(flagship({"fetch", "--resume", "downloads", "--from", "list.txt"}).exit_code, 2);
}

}  // namespace
}  // namespace flagship::testing
