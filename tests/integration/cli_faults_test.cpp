// SPDX-License-Identifier: MIT
// Servers, networks and disks that fail `flagship fetch`, and what becomes of its items.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <random>

#include "tests/integration/cli_fixture.hpp"
#include "tests/support/scripted_server.hpp"

namespace flagship::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

class Faults : public CliTest {
 protected:
  /// Each item's class, or outcome when it has none, with its attempts: "reset 1".
  static std::set<std::string> endings(const Ended& ended) {
    std::set<std::string> found;
    for (const auto& [key, item] : by_key(ended.out)) {
      const std::string how = item["class"].is_null() ? item["outcome"] : item["class"];
      EXPECT_EQ(item["class"].is_null(), item["outcome"] != "error");
      EXPECT_EQ(item["reason"].is_null(), item["outcome"] == "ok") << item;
      found.insert(how + " " + item["attempts"].dump());
    }
    return found;
  }
};

/// A port that was free a moment ago and that nobody listens at.
class NobodyThere {
 public:
  NobodyThere() : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    ::bind(fd_, reinterpret_cast<sockaddr*>(&address), size);  // taken, and not listened at
    ::getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
  }
  ~NobodyThere() { ::close(fd_); }
  NobodyThere(const NobodyThere&) = delete;
  NobodyThere& operator=(const NobodyThere&) = delete;
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }

 private:
  int fd_;
  std::uint16_t port_ = 0;
};

TEST_F(Faults, AServerThatIsNotThereIsConnect) {
  const NobodyThere nobody;
  for (const std::string& executor : kExecutors) {
    const Ended ended = flagship({"fetch", "--base-url", nobody.url(), "--allow-private",
                                  "--retries", "0", "--json", "-x", executor});
    EXPECT_EQ(ended.exit_code, 1);
    EXPECT_THAT(by_key(ended.out), SizeIs(20));
    EXPECT_THAT(endings(ended), ElementsAre("connect 1"));
    EXPECT_THAT(ended.err, AllOf(HasSubstr("  0 flags downloaded.\n 20 errors.\n"),
                                 HasSubstr(nobody.url() + "/br/br.gif: connect: ")));
    EXPECT_THAT(left(), IsEmpty());
  }
}

TEST_F(Faults, ConnectionsThatFailAreTriedAgain) {
  const NobodyThere nobody;
  const Ended ended = flagship(
      {"fetch", "BR", "--base-url", nobody.url(), "--allow-private", "--retries", "2", "--json"});
  EXPECT_THAT(endings(ended), ElementsAre("connect 3"));
}

TEST_F(Faults, EachKindHasItsClassAndItsAttempts) {
  struct Row {
    Words options;
    std::string ending;
  };
  const std::vector<Row> table{
      {{"-s", "ERROR", "--error-rate", "1"}, "http_status 1"},  // 418 does not pass
      {{"--fault", "status:503", "--retries", "0"}, "http_status 1"},
      {{"--fault", "status:503", "--retries", "1"}, "http_status 2"},
      {{"--fault", "status:403"}, "http_status 1"},
      {{"--fault", "status:404"}, "not_found 1"},
      {{"--fault", "status:410"}, "not_found 1"},
      {{"--fault", "status:204"}, "http_status 1"},
      {{"--fault", "status:418", "--retry-status", "418,419", "--retries", "1"}, "http_status 2"},
      {{"--fault", "reset", "--retries", "0"}, "reset 1"},
      {{"--fault", "reset", "--retries", "1"}, "reset 2"},
      {{"--fault", "truncate", "--retries", "0"}, "truncated 1"},
      {{"--fault", "slow", "--retries", "0", "--stall", "1M/500ms"}, "stalled 1"},
      {{"--fault", "slow", "--retries", "0", "--timeout", "500ms"}, "timeout 1"},
      {{"--delay", "1m", "--retries", "0", "--timeout", "300ms"}, "timeout 1"},
      {{"--delay", "1m", "--retries", "1", "--timeout", "300ms"}, "timeout 2"},
      {{"--delay", "1m", "--retries", "0", "--stall", "1/400ms"}, "stalled 1"},
      {{"--max-size", "100"}, "too_large 1"},
  };
  for (const Row& row : table) {
    for (const std::string& executor : kExecutors) {
      Words arguments{"fetch", "BR", "CN", "--json", "-x", executor};
      arguments.insert(arguments.end(), row.options.begin(), row.options.end());
      const Ended ended = flagship(arguments);
      SCOPED_TRACE(::testing::PrintToString(arguments) + ended.out);
      EXPECT_EQ(ended.exit_code, 1);
      EXPECT_THAT(by_key(ended.out), SizeIs(2));
      EXPECT_THAT(endings(ended), ElementsAre(row.ending));
      EXPECT_THAT(left(), IsEmpty());
    }
  }
}

TEST_F(Faults, SomeOfMany) {
  const Ended ended = flagship({"fetch", "-e", "-s", "ERROR", "--retries", "0", "--json"});
  EXPECT_EQ(ended.exit_code, 1);
  EXPECT_THAT(by_key(ended.out), SizeIs(676));
  EXPECT_THAT(endings(ended), ElementsAre("http_status 1", "not_found 1", "ok 1"));
  std::size_t good = 0;
  for (const auto& [key, item] : by_key(ended.out)) good += item["outcome"] == "ok" ? 1 : 0;
  EXPECT_THAT(files(), SizeIs(good));
}

// One in five fails: 30 in a row, as it would take, do so once in 10^20 runs.
TEST_F(Faults, RetriesHealThem) {
  for (const std::string fault : {"reset", "truncate", "status:500,503"}) {
    const Ended ended = flagship({"fetch", "-l", "10", "--fault", fault, "--error-rate", "0.2",
                                  "--retries", "29", "--json"});
    EXPECT_EQ(ended.exit_code, 0) << ended.err;
    EXPECT_THAT(files(), SizeIs(10));
    for (const auto& [key, item] : by_key(ended.out)) {
      EXPECT_EQ(item["sha256"], sha256_of(read_file(here() / "downloads" / (key + ".gif"))));
      EXPECT_GE(item["attempts"], 1);
    }
  }
}

TEST_F(Faults, OneAttemptMayFailAndTheNextNot) {
  ScriptedServer server([](Peer& peer) {
    while (const auto request = peer.request()) {
      if (peer.number() == 1) return peer.reset();
      peer.send(response("200 OK\r\nContent-Type: Image/GIF; x=y", "GIF89a"));
    }
  });
  const Ended ended =
      flagship({"fetch", "BR", "--base-url", server.url(""), "--allow-private", "--json"});
  EXPECT_EQ(ended.exit_code, 0);
  const Json item = by_key(ended.out).at("BR");
  EXPECT_EQ(item["attempts"], 2);
  EXPECT_EQ(item["type"], "image/gif");
  EXPECT_EQ(item["bytes"], 6);
}

TEST_F(Faults, ARetryAfterBeyondTheCapFailsAtOnceAndOneWithinIsWaitedFor) {
  std::atomic<int> asked{0};
  ScriptedServer server(each_request([&](Peer& peer, const std::string&) {
    if (++asked == 1)
      peer.send(response("503 Busy\r\nRetry-After: 1", "later"));
    else
      peer.send(response("200 OK", "GIF89a"));
  }));
  const Words fetch{"fetch", "BR", "--base-url", server.url(""), "--allow-private", "--json"};
  Words impatient = fetch;
  impatient.insert(impatient.end(), {"--max-retry-after", "500ms"});
  EXPECT_THAT(endings(flagship(impatient)), ElementsAre("http_status 1"));
  asked = 0;
  EXPECT_THAT(endings(flagship(fetch)), ElementsAre("ok 2"));
}

TEST_F(Faults, RedirectsAreFollowedOnlySoFar) {
  ScriptedServer server(each_request([&](Peer& peer, const std::string&) {
    peer.send(response("302 Found\r\nLocation: /again", ""));
  }));
  const Ended ended = flagship({"fetch", "BR", "--base-url", server.url(""), "--allow-private",
                                "--json", "--max-redirects", "3"});
  EXPECT_THAT(endings(ended), ElementsAre("redirect 1"));
  EXPECT_EQ(server.requests(), 4);
}

TEST_F(Faults, WhatIsInTheWayOfAFileIsAnErrorOfIt) {
  fs::create_directories(here() / "downloads/BR.gif/mine");
  const Ended ended = flagship({"fetch", "BR", "CN", "--json"});
  EXPECT_EQ(ended.exit_code, 1);
  EXPECT_EQ(by_key(ended.out).at("BR")["class"], "disk");
  EXPECT_EQ(by_key(ended.out).at("CN")["outcome"], "ok");
  EXPECT_THAT(files(), ElementsAre("BR.gif", "CN.gif"));
}

TEST_F(Faults, AnUnusualSchemeIsRefused) {
  const Ended ended = flagship({"fetch", "BR", "--template", "file:///etc/{cc}", "--json"});
  EXPECT_THAT(endings(ended), ElementsAre("refused_scheme 1"));
  const Ended none = flagship({"fetch", "BR", "--base-url", "127.0.0.1/flags", "--json"});
  EXPECT_THAT(endings(none), ElementsAre("bad_input 1"));
}

class WithNginx : public Faults {
 protected:
  void SetUp() override {
    if (Nginx::program().empty()) GTEST_SKIP() << "nginx is not installed";
    fs::create_directory(root());
    nginx_.emplace(root());
  }
  fs::path root() const { return folder_ / "www"; }
  std::optional<Nginx> nginx_;
};

TEST_F(WithNginx, DownloadsOverConnectionsKeptAliveEqualTheFilesByteForByte) {
  std::mt19937_64 random(20);
  std::map<std::string, std::string> contents;
  std::string list;
  for (int i = 0; i < 120; ++i) {
    const int size = (i % 8) * 1000 + (i == 7 ? 9'000'000 : 0);
    std::string bytes(static_cast<std::size_t>(size), '\0');
    for (char& c : bytes) c = static_cast<char>(random());
    const std::string name = "f" + std::to_string(i) + ".bin";
    write_file(root() / name, bytes);
    contents[name] = std::move(bytes);
    list += nginx_->url("/" + name) + "\n";
  }
  for (int i = 0; i < 30; ++i) list += nginx_->url("/none" + std::to_string(i) + ".bin") + "\n";
  write("urls.txt", list);
  for (const std::string& executor : kExecutors) {
    const std::size_t before = nginx_->requests().size();
    const Ended ended = flagship({"fetch", "--from", "urls.txt", "--allow-private", "-m", "8", "-w",
                                  "2", "--json", "-x", executor, "-o", executor});
    EXPECT_EQ(ended.exit_code, 1) << ended.err;
    EXPECT_THAT(endings(ended), ElementsAre("not_found 1", "ok 1"));
    EXPECT_THAT(files(executor), SizeIs(120));
    const auto items = by_key(ended.out);
    EXPECT_THAT(items, SizeIs(150));
    for (const auto& [name, bytes] : contents) {
      EXPECT_EQ(read_file(here() / executor / name), bytes) << name;
      EXPECT_EQ(items.at(name.substr(0, name.find('.')))["sha256"], sha256_of(bytes)) << name;
    }
    ASSERT_TRUE(wait_until([&] { return nginx_->requests().size() == before + 150; }));
    std::set<std::string> connections;
    const auto requests = nginx_->requests();
    for (std::size_t i = before; i < requests.size(); ++i)
      connections.insert(requests[i].connection);
    EXPECT_LE(connections.size(), 8u) << "connections are not kept alive";
  }
}

TEST_F(WithNginx, ADownloadInFlightCannotBeSeenUnderItsName) {
  write_file(root() / "br.gif", std::string(3'000'000, 'x'));
  const Ended ended =
      flagship({"fetch", "BR", "--template", nginx_->url("/{cc}.gif"), "--allow-private"});
  EXPECT_EQ(ended.exit_code, 0);
  EXPECT_EQ(fs::file_size(here() / "downloads/BR.gif"), 3'000'000u);
  EXPECT_THAT(files(), ElementsAre("BR.gif"));
}

}  // namespace
}  // namespace flagship::testing
