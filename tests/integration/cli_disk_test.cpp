// SPDX-License-Identifier: MIT
// Output folders on a disk that is full: a file system in memory, mounted where only the program
// under test and what it starts can see it.
#include <mutex>

#include "tests/integration/cli_fixture.hpp"
#include "tests/support/scripted_server.hpp"

namespace flagship::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsSubsetOf;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;

class FullDisk : public CliTest {
 protected:
  void SetUp() override {
    const Ended ended = run(on_disk("size=1m", "true"));
    if (ended.exit_code != 0) GTEST_SKIP() << "no file system may be mounted here: " << ended.err;
    fs::remove_all(here() / "left");
  }

  /// A script of sh in which "disk" is a file system of its own with these options of mount, and
  /// "$@" a fetch of list.txt into it. What is on it at the end is then in "left", and its exit
  /// code is that of the script.
  Command on_disk(const std::string& options, const std::string& script, Words more = {}) const {
    Command command = CliTest::command(
        {"fetch", "--from", "list.txt", "-o", "disk", "--allow-private", "--retries", "0"});
    command.argv.insert(command.argv.end(), more.begin(), more.end());
    const std::string whole = "mkdir -p disk left && mount -t tmpfs -o " + options +
                              " flagship disk || exit 99\n" + script +
                              "\ncode=$?\ncp -a disk/. left\nexit $code";
    command.argv.insert(command.argv.begin(), {"/usr/bin/unshare", "--map-root-user", "--mount",
                                               "/bin/sh", "-c", whole, "sh"});
    return command;
  }

  Command fetching(const std::string& options, Words more) const {
    return on_disk(options, "\"$@\"", std::move(more));
  }

  void list(const std::string& base, int count) {
    std::string lines;
    for (int i = 0; i < count; ++i) lines += base + "/" + std::to_string(i) + "\n";
    write("list.txt", lines);
  }

  /// Every item that is ok is there, every other one is a disk error that says so, and nothing is
  /// there besides.
  void expect_whole(const Ended& ended, const std::string& body) {
    std::set<std::string> whole;
    for (const auto& [key, item] : by_key(ended.out)) {
      if (item["outcome"] == "ok") {
        whole.insert(fs::path(item["path"].get<std::string>()).filename());
        continue;
      }
      EXPECT_EQ(item["class"], "disk") << item;
      EXPECT_THAT(item["reason"].get<std::string>(), HasSubstr("No space left on device"));
    }
    const auto there = files("left");
    for (const std::string& name : there) {
      EXPECT_THAT(name, Not(StartsWith("."))) << "half of a file";
      EXPECT_TRUE(read_file(here() / "left" / name) == body) << name;
    }
    EXPECT_THAT(whole, IsSubsetOf(there));
  }
};

ScriptedServer::Script answers(const std::string& body) {
  return each_request(
      [body](Peer& peer, const std::string&) { peer.send(response("200 OK", body)); });
}

TEST_F(FullDisk, FilesThatFindNoPlaceAreDiskErrorsAndTheRestIsWhole) {
  const std::string body = "GIF89a";
  const ScriptedServer server(answers(body));
  list(server.url(""), 60);
  for (const std::string& executor : kExecutors) {
    const Ended ended =
        run(fetching("size=8m,nr_inodes=40", {"--json", "-m", "8", "-w", "2", "-x", executor}));
    EXPECT_EQ(ended.exit_code, 1) << ended.err;
    EXPECT_THAT(by_key(ended.out), SizeIs(60));
    EXPECT_THAT(files("left"), SizeIs(::testing::AllOf(::testing::Gt(20u), ::testing::Lt(40u))));
    expect_whole(ended, body);
    fs::remove_all(here() / "left");
  }
}

TEST_F(FullDisk, ABodyThatDoesNotFitIsADiskErrorAndItsRoomIsFreeAgain) {
  const std::string body(100'000, 'x');
  const ScriptedServer server(each_request([&](Peer& peer, const std::string& request) {
    peer.send(response("200 OK", asks_for(request, "/1") ? std::string(9'000'000, 'y') : body));
  }));
  list(server.url(""), 4);
  for (const std::string& executor : kExecutors) {
    const Ended ended = run(fetching("size=3m", {"--json", "-m", "1", "-x", executor}));
    EXPECT_EQ(ended.exit_code, 1) << ended.err;
    const auto items = by_key(ended.out);
    EXPECT_EQ(items.at("1")["class"], "disk");
    for (const std::string key : {"0", "2", "3"}) EXPECT_EQ(items.at(key)["outcome"], "ok");
    expect_whole(ended, body);
    fs::remove_all(here() / "left");
  }
}

// The record is on that disk, too: it may be what finds no room, and then the run says so.
TEST_F(FullDisk, ManyAtOnceLeaveNothingHalfWritten) {
  const std::string body(300'000, 'x');
  const ScriptedServer server(answers(body));
  list(server.url(""), 60);
  const Ended ended = run(fetching("size=4m", {"--json", "-m", "16", "-w", "2"}));
  if (ended.exit_code == 3)
    EXPECT_THAT(ended.err, HasSubstr("the record"));
  else
    EXPECT_EQ(ended.exit_code, 1) << ended.err;
  expect_whole(ended, body);
}

TEST_F(FullDisk, ShardsEndWithTheirLastWholeItem) {
  const ScriptedServer server(answers(std::string(150'000, 'x')));
  list(server.url(""), 40);
  const Ended ended = run(on_disk("size=3m",
                                  "\"$@\"; code=$?; cd disk; for shard in shard-*.tar; do tar -tf "
                                  "$shard; done > ../entries; cd ..; (exit $code)",
                                  {"--json", "-m", "4", "-w", "1", "--sink", "tar"}));
  if (ended.exit_code == 3)
    EXPECT_THAT(ended.err, HasSubstr("the record"));
  else
    EXPECT_EQ(ended.exit_code, 1) << ended.err;
  const auto entries = lines_of(read_file(here() / "entries"));
  for (const auto& [key, item] : by_key(ended.out)) {
    if (item["outcome"] == "ok")
      EXPECT_THAT(entries, Contains(item["path"].get<std::string>()));
    else
      EXPECT_EQ(item["class"], "disk") << item;
  }
}

TEST_F(FullDisk, ARecordThatCannotBeBegunIsASentence) {
  const ScriptedServer server(answers("good"));
  list(server.url(""), 3);
  const Ended ended = run(fetching("size=8k", {}));
  EXPECT_EQ(ended.exit_code, 3);
  EXPECT_THAT(ended.err, AllOf(HasSubstr("the record"), HasSubstr("No space left on device")));
  EXPECT_EQ(server.requests(), 0);
}

TEST_F(FullDisk, ARunWhoseRecordFindsNoRoomStopsAndGoesOnWhenThereIsSome) {
  constexpr std::size_t kItems = 3000;
  const std::string folder(150, 'x');
  std::mutex mutex;
  std::map<std::string, int> asked;
  const ScriptedServer server(each_request([&](Peer& peer, const std::string& request) {
    peer.send(response("200 OK", "good"));
    const std::lock_guard lock(mutex);
    ++asked[request.substr(0, request.find("\r\n"))];
  }));
  list(server.url("/" + folder), static_cast<int>(kItems));
  const Ended ended = run(on_disk("size=1m",
                                  "\"$@\"; echo \"ended: $?\" >&2\n"
                                  "mount -o remount,size=64m flagship disk || exit 98\n"
                                  "\"$1\" fetch --resume disk -q --json",
                                  {"--json", "-q", "--sink", "none"}));
  EXPECT_EQ(ended.exit_code, 0) << ended.err;
  EXPECT_THAT(ended.err, AllOf(HasSubstr("the record"), HasSubstr("full"), HasSubstr("ended: 3")));
  EXPECT_THAT(by_key(ended.out), SizeIs(kItems)) << "each is reported once";
  EXPECT_THAT(asked, SizeIs(kItems));
}

TEST_F(FullDisk, AFolderThatMayNotBeWrittenToIsASentence) {
  const ScriptedServer server(answers("good"));
  list(server.url(""), 3);
  const Ended ended = run(fetching("ro", {}));
  EXPECT_EQ(ended.exit_code, 3);
  EXPECT_THAT(ended.err, AllOf(StartsWith("flagship fetch: cannot write into the output folder"),
                               HasSubstr("Read-only file system")));
  EXPECT_EQ(server.requests(), 0);
}

}  // namespace
}  // namespace flagship::testing
