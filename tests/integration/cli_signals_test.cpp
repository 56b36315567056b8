// SPDX-License-Identifier: MIT
// Interrupts, deaths and closed pipes: how `flagship fetch` ends, and that it leaves nothing
// behind.
#include <signal.h>

#include "tests/integration/cli_fixture.hpp"
#include "tests/support/scripted_server.hpp"

namespace flagship::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;

/// Sends the head and the first half of a file of 2 MB, says so, and then nothing more.
class HalfServer {
 public:
  HalfServer()
      : server_([this](Peer& peer) {
          while (peer.request()) {
            const std::string head = "HTTP/1.1 200 OK\r\nContent-Length: 2000000\r\n\r\n";
            if (!peer.send(head + std::string(1'000'000, 'x'))) return;
            half_sent.set();
            peer.hold();
          }
        }) {}
  std::string url() const { return server_.url("/flags"); }
  Event half_sent;

 private:
  ScriptedServer server_;
};

class Signals : public CliTest {
 protected:
  /// Downloads that are under way and do not end.
  Command hanging(Words more = {}) const {
    Words arguments{"fetch", "--base-url", server_.url(), "--allow-private", "--json", "-w", "2"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return command(arguments);
  }
  /// Unfinished files with something in them; the one that tries the folder out has nothing.
  bool has_part_files(pid_t writer = 0) const {
    const std::string start = ".flagship-" + (writer == 0 ? "" : std::to_string(writer) + "-");
    for (const std::string& name : files()) {
      std::error_code gone;
      const auto size = fs::file_size(here() / "downloads" / name, gone);
      if (name.starts_with(start) && name.ends_with(".part") && !gone && size > 0) return true;
    }
    return false;
  }
  /// Two signals that come close together are one, so it is told until it hears.
  static void interrupt_until_gone(const Program& program, int signal) {
    EXPECT_TRUE(wait_until([&] {
      program.signal(signal);
      return !program.running();
    }));
  }
  /// Returns when some bytes of a file are on disk.
  bool under_way() const {
    return wait_until([this] { return has_part_files(); });
  }

  void expect_nothing_left(const Program& program) const {
    EXPECT_TRUE(wait_until([&] { return program.processes().empty(); }));
    EXPECT_THAT(runtime_folders(), IsEmpty());
    EXPECT_FALSE(has_part_files());
  }

  HalfServer server_;
};

TEST_F(Signals, ASecondInterruptEndsAtOnceAndLeavesNothing) {
  for (const std::string& executor : kExecutors) {
    for (const int signal : {SIGINT, SIGTERM}) {
      Program program(hanging({"-x", executor}));
      ASSERT_TRUE(under_way()) << program.err();
      interrupt_until_gone(program, signal);
      const Ended ended = program.wait();
      EXPECT_EQ(ended.exit_code, 128 + signal) << executor << ended.err;
      EXPECT_THAT(ended.err, HasSubstr("Interrupted."));
      for (const Json& line : json_lines(ended.out)) {
        EXPECT_EQ(line["class"], "cancelled") << line;
        EXPECT_EQ(line["attempts"], 1);
      }
      expect_nothing_left(program);
      EXPECT_THAT(left(), IsEmpty());
    }
  }
}

TEST_F(Signals, AnInterruptGivesWhatIsInFlightItsTimeAndThenEndsIt) {
  for (const std::string& executor : kExecutors) {
    Program program(hanging({"-x", executor, "-m", "3"}));
    ASSERT_TRUE(under_way());
    program.signal(SIGTERM);
    const Ended ended = program.wait();
    EXPECT_EQ(ended.exit_code, 143) << executor << ended.err;
    const auto lines = json_lines(ended.out);
    EXPECT_THAT(lines.size(), ::testing::Le(3u)) << "items that never began have no line";
    EXPECT_THAT(lines.size(), ::testing::Ge(1u));
    for (const Json& line : lines) EXPECT_EQ(line["class"], "cancelled") << line;
    EXPECT_THAT(ended.err,
                HasSubstr("  0 flags downloaded.\n  " + std::to_string(lines.size()) + " error"));
    expect_nothing_left(program);
  }
}

TEST_F(Signals, WhatIsInFlightMayFinishAfterAnInterrupt) {
  for (const std::string& executor : kExecutors) {
    Event asked, go;
    ScriptedServer server(each_request([&](Peer& peer, const std::string&) {
      asked.set();
      go.wait(kPatience);
      peer.send(response("200 OK", "GIF89a"));
    }));
    Program program(command({"fetch", "--base-url", server.url(""), "--allow-private", "--json",
                             "-m", "2", "-w", "1", "-x", executor, "-o", executor}));
    ASSERT_TRUE(asked.wait(kPatience));
    program.signal(SIGINT);
    // It has heard it when it waits for the next one; until then all it does is harmless.
    ASSERT_TRUE(wait_until([&] {
      const std::string status = read_file("/proc/" + std::to_string(program.pid()) + "/status");
      const std::size_t pending = status.find("ShdPnd:");
      return status.substr(pending, status.find('\n', pending) - pending)
                 .find_first_not_of("ShdPnd:\t0") == std::string::npos;
    }));
    go.set();
    const Ended ended = program.wait();
    EXPECT_EQ(ended.exit_code, 130);
    const auto lines = json_lines(ended.out);
    EXPECT_THAT(lines.size(), ::testing::Ge(1u)) << executor;
    EXPECT_THAT(files(executor), SizeIs(lines.size()));
    for (const Json& line : lines) EXPECT_EQ(line["outcome"], "ok") << line;
    EXPECT_TRUE(wait_until([&] { return program.processes().empty(); }));
  }
}

// Lines of the inline executor, which is never idle, were kept until the end of the run.
TEST_F(Signals, AnItemIsToldAsItCompletesWhateverTheOthersDo) {
  for (const std::string& executor : kExecutors) {
    ScriptedServer server(each_request([&](Peer& peer, const std::string& request) {
      if (asks_for(request, "/us/us.gif")) return peer.hold();
      peer.send(response("200 OK", "GIF89a"));
    }));
    Program program(command({"fetch", "BR", "CN", "US", "--base-url", server.url(""),
                             "--allow-private", "-v", "-m", "2", "-w", "2", "-x", executor}));
    EXPECT_TRUE(program.says("BR OK\n")) << executor;
    EXPECT_TRUE(program.says("CN OK\n")) << executor;
    EXPECT_TRUE(program.running());
    interrupt_until_gone(program, SIGTERM);
    EXPECT_EQ(program.wait().exit_code, 143);
  }
}

TEST_F(Signals, CtrlCAtATerminalIsHeardByTheMasterOnly) {
  for (const std::string& executor : kExecutors) {
    Command at_terminal = hanging({"-x", executor});
    std::erase(at_terminal.argv, "--json");
    at_terminal.terminal = true;
    Program program(at_terminal);
    ASSERT_TRUE(under_way());
    if (executor != "inline") {
      ASSERT_TRUE(program.warns("/20 flags")) << program.err();
    }
    const auto before = program.workers();
    program.type("\x03");
    EXPECT_TRUE(program.warns("^C"));
    for (const Program::Process& worker : before) EXPECT_TRUE(alive(worker.pid));
    program.type("\x03");  // which a terminal takes as leave to drop what it has not shown
    const Ended ended = program.wait();
    EXPECT_EQ(ended.exit_code, 130) << executor;
    EXPECT_THAT(ended.err, HasSubstr("Interrupted."));
    expect_nothing_left(program);
  }
}

TEST_F(Signals, AWorkerThatIsKilledCostsNoFlag) {
  Program program(
      command({"fetch", "-a", "-s", "DELAY", "--delay", "50ms..200ms", "-w", "3", "--json"}));
  ASSERT_TRUE(program.says("\n"));
  std::size_t killed = 0;
  for (const Program::Process& worker : program.workers()) {
    if (killed == 2) break;
    ::kill(worker.pid, SIGKILL);
    ++killed;
  }
  EXPECT_EQ(killed, 2u);
  const Ended ended = program.wait();
  EXPECT_EQ(ended.exit_code, 0) << ended.err;
  EXPECT_THAT(by_key(ended.out), SizeIs(241));
  EXPECT_THAT(files(), SizeIs(241));
  for (const auto& [key, item] : by_key(ended.out)) {
    EXPECT_EQ(item["sha256"], sha256_of(read_file(here() / "downloads" / (key + ".gif"))));
  }
  expect_nothing_left(program);
}

TEST_F(Signals, AWorkerThatIsKilledInMidFileLeavesNoPartOfIt) {
  Event restarted;
  std::atomic<int> requests{0};
  ScriptedServer server([&](Peer& peer) {
    while (peer.request()) {
      if (++requests > 1) {
        peer.send(response("200 OK", std::string(2'000'000, 'y')));
        continue;
      }
      peer.send("HTTP/1.1 200 OK\r\nContent-Length: 2000000\r\n\r\n" + std::string(1'000'000, 'x'));
      peer.hold();
    }
  });
  Program program(
      command({"fetch", "BR", "--base-url", server.url(""), "--allow-private", "--json"}));
  ASSERT_TRUE(under_way());
  const auto workers = program.workers();
  ASSERT_THAT(workers, SizeIs(1));
  ::kill(workers[0].pid, SIGKILL);
  const Ended ended = program.wait();
  EXPECT_EQ(ended.exit_code, 0) << ended.err;
  EXPECT_EQ(by_key(ended.out).at("BR")["attempts"], 2);
  EXPECT_EQ(read_file(here() / "downloads/BR.gif"), std::string(2'000'000, 'y'));
  EXPECT_THAT(files(), SizeIs(1));
}

TEST_F(Signals, AWorkerThatHangsIsEndedAndItsFilesArriveAllTheSame) {
  std::atomic<int> requests{0};
  Event asked;
  ScriptedServer server(each_request([&](Peer& peer, const std::string&) {
    if (++requests > 2) return void(peer.send(response("200 OK", "GIF89a")));
    if (requests == 2) asked.set();
    peer.hold();
  }));
  Program program(command({"fetch", "BR", "CN", "--base-url", server.url(""), "--allow-private",
                           "--json", "-w", "1", "--timeout", "1s"}));
  ASSERT_TRUE(asked.wait(kPatience));
  for (const Program::Process& worker : program.workers()) ::kill(worker.pid, SIGSTOP);
  const Ended ended = program.wait();
  EXPECT_EQ(ended.exit_code, 0) << ended.err;
  for (const Json& line : json_lines(ended.out)) EXPECT_EQ(line["attempts"], 2) << line;
  EXPECT_THAT(files(), SizeIs(2));
  expect_nothing_left(program);
}

TEST_F(Signals, AFileThatKillsEveryWorkerIsAnErrorAndTheRestArrives) {
  ScriptedServer server([&](Peer& peer) {
    while (const auto request = peer.request()) {
      if (!asks_for(*request, "/br/br.gif")) {
        peer.send(response("200 OK", "GIF89a"));
        continue;
      }
      peer.send("HTTP/1.1 200 OK\r\nContent-Length: 2000000\r\n\r\n" + std::string(1'000'000, 'x'));
      peer.hold();
    }
  });
  Program program(command({"fetch", "BR", "CN", "US", "--base-url", server.url(""),
                           "--allow-private", "--json", "-w", "1"}));
  ASSERT_TRUE(program.says("US"));
  // Only one that is at it: workers that die before they have begun anything are another matter.
  ASSERT_TRUE(wait_until([&] {
    for (const Program::Process& worker : program.workers()) {
      if (has_part_files(worker.pid)) ::kill(worker.pid, SIGKILL);
    }
    return !program.running();
  }));
  const Ended ended = program.wait();
  EXPECT_EQ(ended.exit_code, 1) << ended.signal << ended.err;
  const auto items = by_key(ended.out);
  EXPECT_EQ(items.at("BR")["class"], "worker_died");
  EXPECT_EQ(items.at("BR")["attempts"], 3);
  EXPECT_THAT(std::string(items.at("BR")["reason"]), HasSubstr("SIGKILL"));
  const Json& death = items.at("BR")["death"];
  EXPECT_EQ(death["signal"], "SIGKILL");
  EXPECT_TRUE(death["exit_code"].is_null());
  EXPECT_EQ(death["out_of_memory"], false);
  EXPECT_EQ(death["pid"], items.at("BR")["pid"]);
  EXPECT_EQ(death["host"], items.at("BR")["host"]);
  EXPECT_EQ(death["attempt"], 3);
  EXPECT_TRUE(death["memory_limit"].is_null());
  EXPECT_GT(death["peak_rss"], 1'000'000);
  EXPECT_GE(death["user_ms"], 0);
  EXPECT_GE(death["system_ms"], 0);
  EXPECT_EQ(items.at("CN")["outcome"], "ok");
  EXPECT_FALSE(items.at("CN").contains("death"));
  expect_nothing_left(program);
}

TEST_F(Signals, WithTheMasterGoEveryProcessOfItAndTheNextRunSweeps) {
  for (const std::string& executor : kExecutors) {
    Program program(hanging({"-x", executor}));
    ASSERT_TRUE(under_way());
    const auto processes = program.processes();
    EXPECT_THAT(processes.size(), executor == "processes"
                                      ? ::testing::Matcher<std::size_t>(::testing::Ge(3u))
                                      : ::testing::Matcher<std::size_t>(1u));
    program.signal(SIGKILL);
    EXPECT_EQ(program.wait().signal, SIGKILL);
    for (const Program::Process& process : processes) {
      EXPECT_TRUE(wait_until([&] { return !alive(process.pid); })) << process.name;
    }
    EXPECT_TRUE(has_part_files());
    EXPECT_EQ(flagship({"fetch", "BR"}).exit_code, 0);
    EXPECT_THAT(files(), ::testing::ElementsAre("BR.gif"));
    EXPECT_THAT(runtime_folders(), IsEmpty());
    fs::remove_all(here() / "downloads");
  }
}

TEST_F(Signals, RunsThatGoOnAreNotSweptByOthers) {
  Program program(hanging());
  ASSERT_TRUE(under_way());
  const auto before = files();
  const Ended same_folder = flagship({"fetch", "BR", "--name", "other"});
  EXPECT_EQ(same_folder.exit_code, 3);
  EXPECT_THAT(same_folder.err, HasSubstr("another run is at work in 'downloads'"));
  EXPECT_EQ(flagship({"fetch", "BR", "-o", "elsewhere"}).exit_code, 0);
  for (const std::string& name : before) EXPECT_THAT(files(), Contains(name));
  EXPECT_THAT(runtime_folders(), SizeIs(1));
  interrupt_until_gone(program, SIGINT);
  expect_nothing_left(program);
}

TEST_F(Signals, RuntimeFoldersAreInTmpWhereNothingElseIsSaid) {
  Command plain = hanging();
  plain.env = {{"FLAGSHIP_WORKER", FLAGSHIP_WORKER_PROGRAM}};
  plain.unset = {"XDG_RUNTIME_DIR", "TMPDIR"};
  Program program(plain);
  ASSERT_TRUE(under_way());
  const auto own = [&] {
    std::vector<std::string> names = names_in("/tmp");
    std::erase_if(names, [&](const std::string& name) {
      return !name.starts_with("flagship-" + std::to_string(program.pid()) + "-");
    });
    return names;
  };
  EXPECT_THAT(own(), SizeIs(1));
  interrupt_until_gone(program, SIGTERM);
  EXPECT_THAT(own(), IsEmpty());
}

TEST_F(Signals, AReaderThatHasEnoughEndsTheRunCleanly) {
  for (const std::string& executor : kExecutors) {
    for (const std::string how : {"--json", "-v", "--trace-futures"}) {
      Program program(command({"fetch", "-e", "-s", "DELAY", "--delay", "1ms..30ms", how, "-x",
                               executor, "-w", "2", "-m", "4"}));
      ASSERT_TRUE(program.says("\n"));
      program.close_output();
      const Ended ended = program.wait();
      EXPECT_EQ(ended.exit_code, 1) << executor << how << ended.err;
      EXPECT_THAT(ended.err, HasSubstr("downloaded.\n"));
      EXPECT_THAT(ended.err, Not(HasSubstr("empty")));
      expect_nothing_left(program);
    }
  }
}

TEST_F(Signals, AReaderThatLeavesAfterTheLastFileTakesNothingAway) {
  Command head = command({"-c", std::string(FLAGSHIP_PROGRAM) +
                                    " fetch BR CN --json | head -1; exit ${PIPESTATUS[0]}"});
  head.argv[0] = "/bin/bash";
  const Ended ended = run(head);
  EXPECT_EQ(ended.exit_code, 0) << ended.err;
  EXPECT_THAT(json_lines(ended.out), SizeIs(1));
}

}  // namespace
}  // namespace flagship::testing
