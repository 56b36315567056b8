// SPDX-License-Identifier: MIT
#include "worker/fetch/engine.hpp"

#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>
#include <vector>

#include "tests/integration/fetch_engine_fixture.hpp"
#include "tests/support/fake_resolver.hpp"
#include "tests/support/patience.hpp"
#include "tests/support/scripted_server.hpp"

namespace flagship::fetch {
namespace {

using namespace std::chrono_literals;
using flagship::testing::asks_for;
using flagship::testing::each_request;
using flagship::testing::Event;
using flagship::testing::FakeResolver;
using flagship::testing::Peer;
using flagship::testing::response;
using flagship::testing::ScriptedServer;
using v1::FetchRequest;
using v1::FetchResult;

std::size_t open_descriptors() {
  std::size_t count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/fd"))
    ++count;
  return count;
}

// ---- what succeeds ------------------------------------------------------------------------------

TEST_F(FetchEngine, SavesTheBodyUnderItsFinalNameAndTellsWhatItIs) {
  ScriptedServer server(each_request([](Peer& peer, const std::string&) {
    peer.send(response("200 OK\r\nContent-Type: Image/GIF; q=1", "GIF89a"));
  }));
  const auto result = get(server.url("/br.gif"), "BR.gif");
  EXPECT_EQ(result.outcome(), v1::FETCH_OK) << result.reason();
  EXPECT_EQ(result.error_class(), v1::NONE);
  EXPECT_EQ(result.reason(), "");
  EXPECT_EQ(result.status(), 200u);
  EXPECT_EQ(result.bytes(), 6u);
  EXPECT_EQ(result.type(), "image/gif");
  EXPECT_EQ(result.sha256(), sha256("GIF89a"));
  EXPECT_EQ(result.final_url(), "");
  EXPECT_GT(result.micros(), 0u);
  EXPECT_EQ(content(folder_ / "BR.gif"), "GIF89a");
  struct stat status {};
  ASSERT_EQ(::lstat((folder_ / "BR.gif").c_str(), &status), 0);
  EXPECT_EQ(result.modified(), status.st_mtim.tv_sec * 1'000'000'000 + status.st_mtim.tv_nsec);
}

TEST_F(FetchEngine, HashesAndCountsButKeepsNothingWithoutAPath) {
  ScriptedServer server(good());
  const auto result = get(server.url("/"), "");
  EXPECT_EQ(result.outcome(), v1::FETCH_OK);
  EXPECT_EQ(result.sha256(), sha256("good"));
  EXPECT_EQ(result.bytes(), 4u);
  EXPECT_EQ(result.modified(), 0);
  EXPECT_TRUE(std::filesystem::is_empty(folder_));
}

TEST_F(FetchEngine, SavesABodyTooLargeForMemory) {
  std::string body;
  for (int i = 0; body.size() < 3'000'000; ++i) body += std::to_string(i) + ",";
  ScriptedServer server(
      each_request([&](Peer& peer, const std::string&) { peer.send(response("200 OK", body)); }));
  const auto result = get(server.url("/large"));
  EXPECT_EQ(result.outcome(), v1::FETCH_OK) << result.reason();
  EXPECT_EQ(result.sha256(), sha256(body));
  EXPECT_EQ(content(folder_ / "file"), body);
}

TEST_F(FetchEngine, SavesBodiesInChunksOfNoLengthAndOfNoBytes) {
  ScriptedServer server(each_request([](Peer& peer, const std::string& request) {
    if (asks_for(request, "/chunks")) {
      peer.send(
          "HTTP/1.1 200 OK\r\nTransfer-Encoding: "
          "chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\nX-Trailer: 1\r\n\r\n");
    } else if (asks_for(request, "/until-the-end")) {
      peer.send("HTTP/1.1 200 OK\r\n\r\nuntil the end");
      peer.close();
    } else {
      peer.send(response("200 OK", ""));
    }
  }));
  EXPECT_EQ(get(server.url("/chunks"), "chunks").outcome(), v1::FETCH_OK);
  EXPECT_EQ(get(server.url("/until-the-end"), "end").outcome(), v1::FETCH_OK);
  EXPECT_EQ(get(server.url("/empty"), "empty").outcome(), v1::FETCH_OK);
  EXPECT_EQ(content(folder_ / "chunks"), "abcde");
  EXPECT_EQ(content(folder_ / "end"), "until the end");
  EXPECT_EQ(content(folder_ / "empty"), "");
  EXPECT_TRUE(std::filesystem::exists(folder_ / "empty"));
}

TEST_F(FetchEngine, PassesOverInterimResponses) {
  ScriptedServer server(each_request([](Peer& peer, const std::string&) {
    peer.send("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nContent-Length: 7\r\n\r\n" +
              response("200 OK", "good"));
  }));
  EXPECT_EQ(get(server.url("/")).outcome(), v1::FETCH_OK);
  EXPECT_EQ(content(folder_ / "file"), "good");
}

TEST_F(FetchEngine, StoresAnEncodedBodyAsItWasSent) {
  std::string head;
  ScriptedServer server(each_request([&](Peer& peer, const std::string& request) {
    head = request;
    peer.send(response("200 OK\r\nContent-Encoding: gzip", "not really gzip"));
  }));
  EXPECT_EQ(get(server.url("/")).outcome(), v1::FETCH_OK);
  EXPECT_EQ(content(folder_ / "file"), "not really gzip");
  EXPECT_EQ(head.find("Accept-Encoding"), std::string::npos);
  EXPECT_NE(head.find("User-Agent: flagship/0.1.0\r\n"), std::string::npos);
}

TEST_F(FetchEngine, ReplacesAFileOnlyByACompleteOne) {
  std::ofstream(folder_ / "file") << "old";
  ScriptedServer server(each_request([](Peer& peer, const std::string& request) {
    peer.send("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n");
    peer.send(asks_for(request, "/whole") ? "new" : "ne");
    if (!asks_for(request, "/whole")) peer.close();
  }));
  EXPECT_EQ(get(server.url("/half")).error_class(), v1::TRUNCATED);
  EXPECT_EQ(content(folder_ / "file"), "old");
  EXPECT_EQ(get(server.url("/whole")).outcome(), v1::FETCH_OK);
  EXPECT_EQ(content(folder_ / "file"), "new");
}

TEST_F(FetchEngine, KeepsTheMemoryOfManyLargeBodiesBounded) {
  const std::string body(250'000, 'x');
  std::atomic<int> held = 0;
  ScriptedServer server([&](Peer& peer) {
    peer.request();
    peer.send("HTTP/1.1 200 OK\r\nContent-Length: 250001\r\n\r\n" + body);
    ++held;
    peer.hold();
  });
  for (std::uint64_t i = 0; i < 300; ++i)
    engine_->start(i, request(server.url("/"), std::to_string(i)));
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (held < 300 && std::chrono::steady_clock::now() < deadline) step();
  // 75 MB are there, 64 of which may stay in memory.
  while (std::filesystem::is_empty(folder_) && std::chrono::steady_clock::now() < deadline) step();
  EXPECT_FALSE(std::filesystem::is_empty(folder_));
  engine_.reset();
}

TEST_F(FetchEngine, UsesAConnectionAgain) {
  ScriptedServer server(good());
  for (int i = 0; i < 5; ++i) EXPECT_EQ(get(server.url("/")).outcome(), v1::FETCH_OK);
  EXPECT_EQ(server.connections(), 1);
}

TEST_F(FetchEngine, KeepsAConnectionForEachTransferThatWasInFlight) {
  constexpr int kMany = 300;  // more than the engine expects, and than one multi takes
  std::atomic<int> asked = 0;
  ScriptedServer server(each_request([&](Peer& peer, const std::string&) {
    const int round = asked++ / kMany + 1;
    flagship::test::wait_until(
        [&] { return asked >= round * kMany; });  // so each has its connection
    peer.send(response("200 OK", "good"));
  }));
  for (int round = 0; round < 2; ++round) {
    for (std::uint64_t i = 0; i < kMany; ++i) engine_->start(i, request(server.url("/"), ""));
    wait();
    EXPECT_EQ(server.connections(), kMany);
  }
}

TEST_F(FetchEngine, CarriesOutManyTransfersAtOnce) {
  ScriptedServer server(each_request([](Peer& peer, const std::string& request) {
    peer.send(response("200 OK", request.substr(5, request.find(" HTTP") - 5)));
  }));
  for (std::uint64_t i = 0; i < 60; ++i) {
    const auto name = std::to_string(i);
    engine_->start(i, request(server.url("/" + name), name));
  }
  EXPECT_EQ(engine_->in_flight(), 60u);
  wait();
  for (std::uint64_t i = 0; i < 60; ++i) {
    EXPECT_EQ(results_[i].outcome(), v1::FETCH_OK) << results_[i].reason();
    EXPECT_EQ(content(folder_ / std::to_string(i)), std::to_string(i));
  }
}

class ChainOfTransfers : public FetchEngine {
 protected:
  void done(std::uint64_t token, FetchResult&& result) override {
    FetchEngine::done(token, std::move(result));
    if (token < last_) engine_->start(token + 1, request(next_, ""));
  }
  std::string next_;
  std::uint64_t last_ = 0;
};

TEST_F(ChainOfTransfers, MayBeginTheNextTransferFromWithinTheReport) {
  ScriptedServer server(good());
  next_ = server.url("/");
  last_ = 50;
  engine_->start(0, request(next_, ""));
  wait();
  EXPECT_EQ(results_.size(), 51u);
  EXPECT_EQ(results_[50].outcome(), v1::FETCH_OK);
}

TEST_F(ChainOfTransfers, NeverReportsFromWithinStartAndNeverLoopsForEverInAStep) {
  next_ = "no url";
  last_ = 1000;
  engine_->start(0, request(next_));
  EXPECT_TRUE(results_.empty());
  engine_->step();
  EXPECT_LT(results_.size(), 1000u);
  wait();
  EXPECT_EQ(results_.size(), 1001u);
}

// ---- redirects ----------------------------------------------------------------------------------

ScriptedServer::Script redirecting() {
  return each_request([](Peer& peer, const std::string& request) {
    if (asks_for(request, "/a/start"))
      return void(peer.send(response("302 Found\r\nLocation: next one?q", "x")));
    if (asks_for(request, "/a/next%20one?q"))
      return void(peer.send(response("307 So\r\nLocation: /end", "x")));
    peer.send(response("200 OK", asks_for(request, "/end") ? "the end" : "?"));
  });
}

TEST_F(FetchEngine, FollowsRedirectsOverOneConnectionAndTellsWhereTheyLed) {
  ScriptedServer server(redirecting());
  const auto result = get(server.url("/a/start"));
  EXPECT_EQ(result.outcome(), v1::FETCH_OK) << result.reason();
  EXPECT_EQ(result.final_url(), server.url("/end"));
  ASSERT_EQ(result.redirects_size(), 2);
  EXPECT_EQ(result.redirects(0).url(), server.url("/a/start"));
  EXPECT_EQ(result.redirects(1).status(), 307u);
  EXPECT_EQ(content(folder_ / "file"), "the end");
  EXPECT_EQ(server.connections(), 1);
}

TEST_F(FetchEngine, FollowsNoRedirectBeyondTheLimit) {
  ScriptedServer server(redirecting());
  for (const std::uint32_t limit : {0u, 1u, 2u}) {
    auto few = request(server.url("/a/start"));
    few.mutable_limits()->set_max_redirects(limit);
    EXPECT_EQ(run(few).error_class(), limit < 2 ? v1::REDIRECT : v1::NONE);
  }
}

// ---- addresses ----------------------------------------------------------------------------------

TEST_F(FetchEngine, RefusesPrivateAddressesBeforeAnyPacketLeaves) {
  ScriptedServer server(good());
  const std::string port = ":" + std::to_string(server.port()) + "/";
  for (const std::string host :
       {"127.0.0.1", "localhost", "0.0.0.0", "[::1]", "[::ffff:127.0.0.1]", "2130706433", "0x7f.1",
        "0177.0.0.1", "127.1", "10.1.2.3", "169.254.169.254", "[fe80::1]", "[fd00::1]",
        "[64:ff9b::10.0.0.1]", "100.64.0.1", "255.255.255.255"}) {
    auto refused = request("http://" + host + port);
    refused.mutable_limits()->set_allow_private(false);
    const auto result = run(refused);
    EXPECT_EQ(result.error_class(), v1::REFUSED_ADDRESS) << host << ": " << result.reason();
    EXPECT_NE(result.reason().find(", which is not allowed"), std::string::npos) << result.reason();
  }
  EXPECT_EQ(server.connections(), 0);
}

TEST_F(FetchEngine, LetsTheTrustedEndpointThroughAndNoOther) {
  ScriptedServer other(good());
  ScriptedServer server(each_request([&](Peer& peer, const std::string& request) {
    peer.send(asks_for(request, "/away") ? response("302 Found\r\nLocation: " + other.url("/"), "")
                                         : response("200 OK", "good"));
  }));
  auto trusting = request(server.url("/"));
  trusting.mutable_limits()->set_allow_private(false);
  trusting.mutable_limits()->set_trusted_endpoint(server.endpoint());
  EXPECT_EQ(run(trusting).outcome(), v1::FETCH_OK);
  trusting.set_url(server.url("/away"));
  const auto away = run(trusting);
  EXPECT_EQ(away.error_class(), v1::REFUSED_ADDRESS);
  EXPECT_EQ(away.reason(), "127.0.0.1 is a loopback address, which is not allowed");
  EXPECT_EQ(other.connections(), 0);
}

TEST_F(FetchEngine, RefusesAnAddressEvenWhereAConnectionToItIsOpen) {
  ScriptedServer server(good());
  EXPECT_EQ(get(server.url("/")).outcome(), v1::FETCH_OK);
  auto refused = request(server.url("/"));
  refused.mutable_limits()->set_allow_private(false);
  EXPECT_EQ(run(refused).error_class(), v1::REFUSED_ADDRESS);
  EXPECT_EQ(server.requests(), 1);
  EXPECT_EQ(get(server.url("/")).outcome(), v1::FETCH_OK);
}

// ---- names --------------------------------------------------------------------------------------

TEST_F(FetchEngine, LooksANameUpOnceForManyTransfers) {
  constexpr std::uint64_t kMany = 300;  // more than one multi takes
  FakeResolver resolver;
  ScriptedServer server(good());
  const auto url = "http://flags.test:" + std::to_string(server.port()) + "/";
  for (std::uint64_t i = 0; i < kMany; ++i) engine_->start(i, request(url, ""));
  wait();
  for (std::uint64_t i = 0; i < kMany; ++i)
    EXPECT_EQ(results_[i].outcome(), v1::FETCH_OK) << results_[i].reason();
  EXPECT_EQ(get(url).outcome(), v1::FETCH_OK);
  EXPECT_EQ(resolver.lookups(), 1);
}

TEST_F(FetchEngine, RefusesANameThatLeadsToAPrivateAddress) {
  FakeResolver resolver;
  ScriptedServer server(good());
  for (std::uint64_t i = 0; i < 5; ++i) {
    auto refused = request("http://flags.test:" + std::to_string(server.port()) + "/");
    refused.mutable_limits()->set_allow_private(false);
    engine_->start(i, refused);
  }
  wait();
  for (std::uint64_t i = 0; i < 5; ++i) EXPECT_EQ(results_[i].error_class(), v1::REFUSED_ADDRESS);
  EXPECT_EQ(server.connections(), 0);
}

TEST_F(FetchEngine, CallsAHostWithoutAddressADnsErrorForAllWhoWaitForIt) {
  FakeResolver resolver;
  ScriptedServer server(good());
  for (std::uint64_t i = 0; i < 20; ++i) engine_->start(i, request("http://nowhere.invalid/"));
  wait();
  for (std::uint64_t i = 0; i < 20; ++i) {
    EXPECT_EQ(results_[i].error_class(), v1::DNS) << results_[i].reason();
    EXPECT_EQ(results_[i].reason(), "the host's name has no address");
  }
  EXPECT_EQ(resolver.lookups(), 1);
  EXPECT_EQ(get(server.url("/")).outcome(), v1::FETCH_OK);
}

TEST_F(FetchEngine, NeverWaitsForALookUpThatHangs) {
  FakeResolver resolver;
  ScriptedServer server(good());
  for (std::uint64_t i = 0; i < 10; ++i) {
    auto hung = request("http://hung.test/");
    hung.mutable_limits()->set_connect_timeout_ms(kSoon);
    engine_->start(i, hung);
  }
  wait();
  for (std::uint64_t i = 0; i < 10; ++i) {
    EXPECT_EQ(results_[i].error_class(), v1::TIMEOUT);
    EXPECT_EQ(results_[i].reason(), "no connection within 300 ms");
  }
  EXPECT_EQ(get(server.url("/")).outcome(), v1::FETCH_OK);
  engine_->start(0, request("http://hung.test/"));
  engine_->step();
  engine_.reset();
}

TEST_F(FetchEngine, EndsALookUpAtItsOwnTimeLimitForAllWhoWaitForIt) {
  FakeResolver resolver;
  ScriptedServer server(each_request([](Peer& peer, const std::string&) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2 * kSoon));
    peer.send(response("200 OK", "good"));
  }));
  const auto limited = [&](const std::string& url) {
    auto one = request(url, "");
    one.mutable_limits()->set_dns_timeout_ms(kSoon);
    return one;
  };
  const std::string port = ":" + std::to_string(server.port()) + "/";
  for (std::uint64_t i = 0; i < 10; ++i) engine_->start(i, limited("http://flags.test" + port));
  wait();
  for (std::uint64_t i = 0; i < 10; ++i)
    EXPECT_EQ(results_[i].outcome(), v1::FETCH_OK) << "that took longer, but not to be found";
  for (std::uint64_t i = 0; i < 10; ++i) engine_->start(i, limited("http://hung.test/"));
  wait();
  for (std::uint64_t i = 0; i < 10; ++i) {
    EXPECT_EQ(results_[i].error_class(), v1::DNS);
    EXPECT_EQ(results_[i].reason(), "no address within 300 ms");
  }
}

TEST_F(FetchEngine, AsksNobodyForNumericAddresses) {
  FakeResolver resolver;
  ScriptedServer server(good());
  EXPECT_EQ(get(server.url("/")).outcome(), v1::FETCH_OK);
  EXPECT_EQ(get("http://localhost:" + std::to_string(server.port()) + "/").outcome(), v1::FETCH_OK);
  EXPECT_EQ(resolver.lookups(), 0);
}

// ---- requests -----------------------------------------------------------------------------------

TEST_F(FetchEngine, RefusesWhatIsNoHttpUrl) {
  EXPECT_EQ(get("ftp://127.0.0.1/x").error_class(), v1::REFUSED_SCHEME);
  EXPECT_EQ(get("file:///etc/passwd").error_class(), v1::REFUSED_SCHEME);
  EXPECT_EQ(get("gopher://127.0.0.1/").error_class(), v1::REFUSED_SCHEME);
  for (const std::string url :
       {"", "127.0.0.1/x", "http://", "http:///x", "http://[::1/", "http://127.0.0.1:99999/",
        "http://127.0.0.1/a b", "http://127.0.0.1/\r\nX: y"}) {
    const auto result = get(url);
    EXPECT_EQ(result.error_class(), v1::BAD_INPUT) << url << ": " << result.reason();
  }
  EXPECT_EQ(get(std::string("http://127.0.0.1/\0x", 19)).error_class(), v1::BAD_INPUT);
}

TEST_F(FetchEngine, SendsCredentialsOfTheUrlAndShowsThemNowhere) {
  std::vector<std::string> heads;
  ScriptedServer server(each_request([&](Peer& peer, const std::string& request) {
    heads.push_back(request);
    peer.send(asks_for(request, "/start") ? response("302 Found\r\nLocation: /end", "")
                                          : response("403 Forbidden", ""));
  }));
  const auto result = get("http://me:s3cret@" + server.endpoint() + "/start");
  EXPECT_EQ(result.reason(), "HTTP error 403 - Forbidden");
  EXPECT_EQ(result.final_url(), server.url("/end"));
  get(server.url("/other"));
  ASSERT_EQ(heads.size(), 3u);
  EXPECT_NE(heads[0].find("Authorization: Basic"), std::string::npos);
  EXPECT_NE(heads[1].find("Authorization: Basic"), std::string::npos);
  EXPECT_EQ(heads[2].find("Authorization"), std::string::npos);
}

TEST_F(FetchEngine, IgnoresProxiesOfTheEnvironment) {
  ScriptedServer proxy(good());
  ScriptedServer server(good());
  ::setenv("http_proxy", proxy.url("").c_str(), 1);
  EXPECT_EQ(get(server.url("/")).outcome(), v1::FETCH_OK);
  ::unsetenv("http_proxy");
  EXPECT_EQ(proxy.connections(), 0);
}

// ---- files --------------------------------------------------------------------------------------

TEST_F(FetchEngine, CallsAFileThatCannotBeWrittenADiskError) {
  const std::string large(1'000'000, 'x');
  ScriptedServer server(each_request([&](Peer& peer, const std::string& request) {
    peer.send(response("200 OK", asks_for(request, "/large") ? large : "good"));
  }));
  std::filesystem::create_directory(folder_ / "taken");
  std::ofstream(folder_ / "taken" / "inside") << "x";
  for (const std::string path : {"/small", "/large"}) {
    const auto nowhere = get(server.url(path), "no/such/folder");
    EXPECT_EQ(nowhere.error_class(), v1::DISK);
    EXPECT_EQ(nowhere.reason(), "cannot create a file beside " +
                                    (folder_ / "no/such/folder").string() +
                                    ": No such file or directory");
    EXPECT_EQ(get(server.url(path), "taken").error_class(), v1::DISK);
  }
  EXPECT_EQ(get(server.url("/small"), "fine").outcome(), v1::FETCH_OK);
}

TEST_F(FetchEngine, CallsAFileThatMayNotGrowADiskErrorAndLeavesNoPartOfIt) {
  rlimit before{};
  ::getrlimit(RLIMIT_FSIZE, &before);
  ::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{100'000, before.rlim_max};
  const std::string large(1'000'000, 'x');
  ScriptedServer server(
      each_request([&](Peer& peer, const std::string&) { peer.send(response("200 OK", large)); }));
  ::setrlimit(RLIMIT_FSIZE, &small);
  const auto result = get(server.url("/"));
  ::setrlimit(RLIMIT_FSIZE, &before);
  EXPECT_EQ(result.error_class(), v1::DISK) << result.reason();
  EXPECT_FALSE(std::filesystem::exists(folder_ / "file"));
}

TEST_F(FetchEngine, LeavesNothingBehindWhenItEndsWithTransfersInFlight) {
  Event begun;
  ScriptedServer server([&](Peer& peer) {
    peer.request();
    peer.send("HTTP/1.1 200 OK\r\nContent-Length: 2000000\r\n\r\n" + std::string(1'000'000, 'x'));
    begun.set();
    peer.hold();
  });
  engine_->start(0, request(server.url("/")));
  while (!begun.wait(0ms)) step();
  while (std::filesystem::is_empty(folder_)) step();
  engine_.reset();
  EXPECT_TRUE(std::filesystem::is_empty(folder_));
  EXPECT_TRUE(results_.empty());
}

// ---- the engine's life --------------------------------------------------------------------------

TEST(FetchEngineLife, ReturnsEveryDescriptor) {
  {
    Engine warm_up(1, [](std::uint64_t, FetchResult&&) {});
  }
  ScriptedServer server(good());
  const auto before = open_descriptors();
  {
    std::size_t ended = 0;
    Engine engine(4, [&](std::uint64_t, FetchResult&&) { ++ended; });
    FetchRequest request;
    request.set_url(server.url("/"));
    request.mutable_limits()->set_allow_private(true);
    for (std::uint64_t i = 0; i < 20; ++i) engine.start(i, request);
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    while (ended < 20 && std::chrono::steady_clock::now() < deadline) {
      pollfd ready{engine.fd(), POLLIN, 0};
      ::poll(&ready, 1, 100);
      engine.step();
    }
    EXPECT_EQ(ended, 20u);
  }
  // The server's threads close their ends a moment later.
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (open_descriptors() != before && std::chrono::steady_clock::now() < deadline)
    std::this_thread::yield();
  EXPECT_EQ(open_descriptors(), before);
}

TEST(FetchFunction, WorksInSeveralThreadsAtOnce) {
  ScriptedServer server(good());
  FetchRequest request;
  request.set_url(server.url("/"));
  request.mutable_limits()->set_allow_private(true);
  std::atomic<int> complete = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int k = 0; k < 5; ++k) complete += fetch(request).outcome() == v1::FETCH_OK;
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(complete, 20);
  EXPECT_EQ(server.connections(), 4);
}

}  // namespace
}  // namespace flagship::fetch
