// SPDX-License-Identifier: MIT
// Downloads and calls over several hosts, by what starts the agents there.
#include <gmock/gmock.h>
#include <signal.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <set>

#include "tests/integration/cli_fixture.hpp"
#include "tests/integration/hosts/on_hosts.hpp"

namespace flagship::testing {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAreArray;
using Reply = ManyOrigins::Reply;
using Visit = ManyOrigins::Visit;

ManyOrigins::Answer after(std::chrono::milliseconds time) {
  return [time](const Visit&) { return Reply{.after = time}; };
}

std::string flag_of(std::string key) {
  std::transform(key.begin(), key.end(), key.begin(), ::tolower);
  return read_file("/usr/share/flags/countries/16x11/" + key + ".gif");
}

/// Of a report that names each of many items.
std::string brief(const Ended& ended) { return ended.err.substr(0, 1000); }

template <class B>
class Hosts : public OnHosts<B> {
 protected:
  /// `flagship serve` on the server, and an nginx in front of it, since that is reached from the
  /// same host only; its URL.
  std::string serve_flags() {
    practice_ = std::make_unique<Program>(
        this->bed().command("server", {FLAGSHIP_PROGRAM, "serve", "--delay", "0.3"}));
    EXPECT_TRUE(practice_->says("\n")) << practice_->err();
    const std::string site = practice_->out().substr(0, practice_->out().find("/flags"));
    const std::string here = this->bed().folder_of("server") / "tmp";
    const std::string address = this->bed().address_of("server");
    write_file(here + "/conf", "daemon off; master_process off; pid " + here +
                                   "/pid; error_log stderr warn; events {}\nhttp { access_log off; "
                                   "proxy_temp_path " +
                                   here + "/proxy; server { listen " + address +
                                   ":80; location / { proxy_pass " + site + "; } } }\n");
    front_ = std::make_unique<Program>(this->bed().command(
        "server", {Nginx::program(), "-p", here, "-e", "stderr", "-c", here + "/conf"}));
    EXPECT_TRUE(wait_until([&] { return fs::exists(here + "/pid"); })) << front_->err();
    return "http://" + address + "/flags";
  }

  void TearDown() override {
    for (auto* server : {&front_, &practice_})
      if (*server) ::kill(Bed::run_by(**server), SIGTERM);
    OnHosts<B>::TearDown();
  }

  /// `times` URLs of each origin of the server.
  std::string list_of(const ManyOrigins& server, int times) const {
    std::string list;
    for (std::size_t port = 0; port < server.ports().size(); ++port)
      for (int i = 0; i < times; ++i)
        list += this->url_of(server, port) + "/" + std::to_string(i) + "\n";
    write_file(this->folder_ / "urls.txt", list);
    return this->folder_ / "urls.txt";
  }

  static std::set<std::string> hosts_in(const std::string& out) {
    std::set<std::string> hosts;
    for (const Json& line : json_lines(out)) hosts.insert(line["host"].get<std::string>());
    return hosts;
  }
  static std::size_t ok_lines(const Ended& ended) {
    std::size_t ok = 0;
    for (const Json& line : json_lines(ended.out)) ok += line["outcome"] == "ok" ? 1 : 0;
    return ok;
  }

  std::unique_ptr<Program> practice_, front_;
};

TYPED_TEST_SUITE(Hosts, Beds);

TYPED_TEST(Hosts, ThereIsAServerThatTheLoginNodeFetchesFrom) {
  const auto server = this->serve(after(1ms));
  Words words{FLAGSHIP_PROGRAM,         "fetch", "--sink", "none", "--allow-private", "--from",
              this->list_of(*server, 5)};
  const Ended ended = run(this->on_login(words));
  EXPECT_EQ(ended.exit_code, 0) << brief(ended);
  EXPECT_THAT(server->log(), SizeIs(5));
}

TYPED_TEST(Hosts, EveryFlagIsFetchedAndEveryHostHasAPart) {
  const std::string folder = this->folder_ / "out";
  const Ended ended = run(this->fetch(
      {"-a", "-s", "REMOTE", "--base-url", this->serve_flags(), "-o", folder, "--rate", "50"}));
  EXPECT_EQ(ended.exit_code, 0) << brief(ended);
  const auto items = by_key(ended.out);
  EXPECT_GT(items.size(), 200u);
  for (const auto& [key, item] : items) {
    ASSERT_EQ(item.at("outcome"), "ok") << item;
    ASSERT_TRUE(read_file(folder + "/" + key + ".gif") == flag_of(key)) << key;
  }
  EXPECT_THAT(this->hosts_in(ended.out), SizeIs(TypeParam::hosts().size()));
}

// Which for a process started by ssh is another one.
TYPED_TEST(Hosts, AFolderIsMeantFromWhereTheMasterIs) {
  const Ended ended = run(this->fetch({"BR", "-s", "REMOTE", "--base-url", this->serve_flags()}));
  EXPECT_EQ(ended.exit_code, 0) << brief(ended);
  EXPECT_TRUE(fs::exists(this->folder_ / "downloads" / "BR.gif"));
}

TYPED_TEST(Hosts, TheirEndIsNoNews) {
  const auto server = this->serve(after(20ms));
  for (int i = 0; i < 3; ++i) {
    const Ended ended = run(this->fetch({"--from", this->list_of(*server, 30), "--sink", "none"}));
    EXPECT_EQ(ended.err.find("flagship: host"), std::string::npos) << brief(ended);
  }
}

// With one thing to do the first agent has done it while the others are greeted.
TYPED_TEST(Hosts, AgentsThatAreStillGreetedGoWithTheirMaster) {
  const auto server = this->serve(after(1ms));
  for (int i = 0; i < 3; ++i) {
    const Ended ended = run(this->fetch({"--from", this->list_of(*server, 1), "--sink", "none"}));
    EXPECT_EQ(ended.exit_code, 0) << brief(ended);
    const auto end = std::chrono::steady_clock::now();
    EXPECT_THAT(left_on(this->bed()), IsEmpty());
    EXPECT_LT(std::chrono::steady_clock::now() - end, 10s) << "what waits for an answer takes 20";
  }
}

TYPED_TEST(Hosts, AnInterruptedFetchEndsOnAllOfThem) {
  const auto server = this->serve(after(20ms));
  Program master(this->fetch({"--from", this->list_of(*server, 5000), "--sink", "none"}));
  ASSERT_TRUE(wait_until([&] { return server->log().size() > 100; })) << master.err();
  ::kill(Bed::run_by(master), SIGINT);
  const Ended ended = master.wait();
  EXPECT_EQ(ended.exit_code, 130) << "signal " << ended.signal << ", " << brief(ended);
  EXPECT_THAT(this->bed().processes({TypeParam::login()}), IsEmpty());
}

TYPED_TEST(Hosts, TheLimitOfTheRunHoldsOverAllOfThem) {
  const auto server = this->serve(after(20ms));
  const Ended ended =
      run(this->fetch({"--from", this->list_of(*server, 400), "--sink", "none", "-m", "7"}));
  EXPECT_EQ(ended.exit_code, 0) << brief(ended);
  std::size_t most = 0;
  for (const Visit& visit : server->log()) most = std::max(most, visit.at_once);
  EXPECT_EQ(most, 7u);
  EXPECT_EQ(this->ok_lines(ended), 400u);
  EXPECT_THAT(this->hosts_in(ended.out), SizeIs(TypeParam::hosts().size()));
}

TYPED_TEST(Hosts, TheLimitOfEachOriginHoldsOverAllOfThem) {
  const auto server = this->serve(after(20ms), 3);
  const Ended ended = run(this->fetch(
      {"--from", this->list_of(*server, 150), "--sink", "none", "-m", "100", "--per-origin", "2"}));
  EXPECT_EQ(ended.exit_code, 0) << brief(ended);
  std::map<std::string, std::size_t> most;
  for (const Visit& visit : server->log())
    most[visit.origin] = std::max(most[visit.origin], visit.at_once);
  EXPECT_THAT(most, SizeIs(3));
  for (const auto& [origin, count] : most) EXPECT_EQ(count, 2u) << origin;
  EXPECT_EQ(this->ok_lines(ended), 450u);
}

TYPED_TEST(Hosts, FilesAreFetchedAllTheSameWhenAnAgentIsKilled) {
  const auto server = this->serve(after(20ms));
  Program master(this->fetch({"--from", this->list_of(*server, 600), "--sink", "none", "-m", "9"}));
  const std::string victim = TypeParam::hosts()[1];
  ASSERT_TRUE(wait_until([&] { return server->log().size() > 100; })) << master.err();
  const auto agents = this->bed().agents(victim);
  ASSERT_THAT(agents, SizeIs(1));
  ::kill(agents[0].pid, SIGKILL);
  const Ended ended = master.wait();
  EXPECT_EQ(ended.exit_code, 0) << brief(ended);
  EXPECT_THAT(by_key(ended.out), SizeIs(600));
  EXPECT_EQ(this->ok_lines(ended), 600u);
}

TYPED_TEST(Hosts, TheCallsOfALibrarysUserRunOnAllOfThem) {
  const Ended ended = run(this->spread(400, 5, "10s", {"together"}));
  EXPECT_EQ(ended.exit_code, 0) << brief(ended);
  const auto calls = calls_of(ended.out);
  EXPECT_THAT(calls, SizeIs(400));
  EXPECT_EQ(count_of(calls, "returned"), 400u);
  Words hosts;
  for (const auto& [host, count] : calls_by_host(calls)) hosts.push_back(host);
  EXPECT_THAT(hosts, UnorderedElementsAreArray(TypeParam::hosts()));
}

}  // namespace
}  // namespace flagship::testing
