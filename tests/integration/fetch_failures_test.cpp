// SPDX-License-Identifier: MIT
// What goes wrong with a transfer, and how it is called.
#include "worker/fetch/engine.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>

#include "tests/integration/fetch_engine_fixture.hpp"
#include "tests/integration/secure_fetch_fixture.hpp"
#include "tests/support/patience.hpp"
#include "tests/support/scripted_server.hpp"
#include "tests/support/tls_server.hpp"

namespace flagship::fetch {
namespace {

using namespace std::chrono_literals;
using flagship::testing::asks_for;
using flagship::testing::Certificate;
using flagship::testing::each_request;
using flagship::testing::Event;
using flagship::testing::over_tls;
using flagship::testing::Peer;
using flagship::testing::response;
using flagship::testing::ScriptedServer;

rlim_t lowest_free_descriptor() {
  const int descriptor = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  ::close(descriptor);
  return static_cast<rlim_t>(descriptor);
}

// ---- what fails: one row an ending, and then the next transfer works ----------------------------

struct Failure {
  const char* name;
  std::string bytes;  // what the server sends for the request, before it closes
  v1::FetchClass error_class;
  std::string reason;
};

void PrintTo(const Failure& failure, std::ostream* out) { *out << failure.name; }

class FailedFetch : public FetchEngine, public ::testing::WithParamInterface<Failure> {};

TEST_P(FailedFetch, IsOfItsClassAndTheNextTransferWorks) {
  const Failure& failure = GetParam();
  ScriptedServer server(each_request([&](Peer& peer, const std::string& request) {
    if (asks_for(request, "/good")) {
      peer.send(response("200 OK", "good"));
    } else {
      peer.send(failure.bytes);
      peer.close();
    }
  }));
  auto bad = request(server.url("/bad"), "bad");
  bad.mutable_limits()->set_max_bytes(1000);
  const auto result = run(bad);
  EXPECT_EQ(result.outcome(), v1::FETCH_ERROR);
  EXPECT_EQ(v1::FetchClass_Name(result.error_class()), v1::FetchClass_Name(failure.error_class))
      << result.reason();
  EXPECT_EQ(result.reason(), failure.reason);
  EXPECT_EQ(result.sha256(), "");
  EXPECT_FALSE(std::filesystem::exists(folder_ / "bad"));
  EXPECT_EQ(get(server.url("/good"), "good").outcome(), v1::FETCH_OK);
  EXPECT_EQ(content(folder_ / "good"), "good");
}

const std::string kOk = "HTTP/1.1 200 OK\r\n";

const Failure kFailures[] = {
    {"Teapot", response("418 I'm a Teapot", "short and stout"), v1::HTTP_STATUS,
     "HTTP error 418 - I'm a Teapot"},
    {"StatusWithoutPhrase", response("503", ""), v1::HTTP_STATUS, "HTTP error 503"},
    {"PhraseWithControlCharacters", response("500 \x1b[31mred\x07 \xff", ""), v1::HTTP_STATUS,
     "HTTP error 500 - [31mred "},
    {"ErrorWithAnEndlessBody", "HTTP/1.1 502 Bad Gateway\r\n\r\n" + std::string(200'000, 'x'),
     v1::HTTP_STATUS, "HTTP error 502 - Bad Gateway"},
    {"ErrorCutShort", "HTTP/1.1 500 Oh\r\nContent-Length: 50\r\n\r\nhalf", v1::HTTP_STATUS,
     "HTTP error 500 - Oh"},
    {"NoContent", "HTTP/1.1 204 No Content\r\n\r\n", v1::HTTP_STATUS,
     "HTTP 204 No Content: not a whole file"},
    {"ResetContent", response("205 Reset Content", "body"), v1::HTTP_STATUS,
     "HTTP 205 Reset Content: not a whole file"},
    {"PartNobodyAskedFor", response("206 Partial Content\r\nContent-Range: bytes 0-3/9", "part"),
     v1::HTTP_STATUS, "HTTP 206 Partial Content: not a whole file"},
    {"NotModified", "HTTP/1.1 304 Not Modified\r\n\r\n", v1::HTTP_STATUS,
     "HTTP 304 Not Modified: not a whole file"},
    {"SwitchingProtocols", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: chat\r\n\r\nhello",
     v1::PROTOCOL, "HTTP 101: the server switches protocols unasked"},
    {"RedirectWithoutLocation", response("302 Found", ""), v1::REDIRECT,
     "a redirect without a Location"},
    {"RedirectToFtp", response("302 Found\r\nLocation: ftp://127.0.0.1/x", ""), v1::REFUSED_SCHEME,
     "a redirect to ftp: is not followed"},
    {"RedirectToFile", response("301 Moved\r\nLocation: file:///etc/passwd", ""),
     v1::REFUSED_SCHEME, "a redirect to file: is not followed"},
    {"RedirectToNonsense", response("301 Moved\r\nLocation: http://[::1/", ""), v1::REDIRECT,
     "a redirect to something that is not a URL"},
    {"RedirectLoop", response("302 Found\r\nLocation: /bad\r\nConnection: close", ""), v1::REDIRECT,
     "more than 5 redirects"},
    {"RedirectWithTwoLengths", response("302 Found\r\nLocation: /good\r\nContent-Length: 7", ""),
     v1::PROTOCOL, "two different Content-Lengths"},
    {"TooLargeByItsLength", kOk + "Content-Length: 1001\r\n\r\n", v1::TOO_LARGE,
     "1001 bytes, more than 1000"},
    {"TooLargeInChunks",
     kOk + "Transfer-Encoding: chunked\r\n\r\n3e9\r\n" + std::string(1001, 'x') + "\r\n0\r\n\r\n",
     v1::TOO_LARGE, "more than 1000 bytes"},
    {"EndlessBody", kOk + "\r\n" + std::string(500'000, 'x'), v1::TOO_LARGE,
     "more than 1000 bytes"},
    {"BodyCutShort", kOk + "Content-Length: 10\r\n\r\nhalf", v1::TRUNCATED,
     "the body ended after 4 of 10 bytes"},
    {"ChunksCutShort", kOk + "Transfer-Encoding: chunked\r\n\r\na\r\nhalf", v1::TRUNCATED,
     "the connection ended before the body did"},
    {"LastChunkMissing", kOk + "Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n", v1::TRUNCATED,
     "the connection ended before the body did"},
    {"MalformedChunk", kOk + "Transfer-Encoding: chunked\r\n\r\nxyz\r\nhalf\r\n", v1::PROTOCOL,
     "a malformed chunk in the body"},
    {"HeadersCutWithinALine", kOk + "Content-Le", v1::TRUNCATED,
     "the connection ended within the headers"},
    {"HeadersCutAfterALine", kOk + "Content-Length: 4\r\n", v1::TRUNCATED,
     "the connection ended within the headers"},
    {"TwoLengths", kOk + "Content-Length: 4\r\nContent-Length: 3\r\n\r\ngood", v1::PROTOCOL,
     "two different Content-Lengths"},
    {"LengthThatIsNoNumber", kOk + "Content-Length: 4x\r\n\r\ngood", v1::PROTOCOL,
     "a Content-Length that is no number"},
    {"NegativeLength", kOk + "Content-Length: -1\r\n\r\ngood", v1::PROTOCOL,
     "not HTTP as it should be: Invalid Content-Length: value"},
    {"LengthBeforeABlank", kOk + "Content-Length : 4\r\n\r\ngood", v1::PROTOCOL,
     "a malformed Content-Length"},
    {"LengthInTwoLines", kOk + "Content-Length: 4\r\n 0\r\n\r\ngood", v1::PROTOCOL,
     "a Content-Length or Transfer-Encoding in two lines"},
    {"HugeLength", kOk + "Content-Length: 99999999999999999999999\r\n\r\n", v1::PROTOCOL,
     "a Content-Length that is no number"},
    {"NothingAtAll", "", v1::RESET, "the server closed the connection without an answer"},
    {"TooManyHeaders",
     kOk +
         [] {
           std::string lines;
           while (lines.size() < 300'000) lines += "X-Filler: " + std::string(1000, 'x') + "\r\n";
           return lines;
         }(),
     v1::PROTOCOL, "more than 256 KiB of headers"},
    {"OneEndlessHeader", kOk + "X-Filler: " + std::string(200'000, 'x') + "\r\n\r\n", v1::PROTOCOL,
     "a header is too long, or memory is short"},
};

INSTANTIATE_TEST_SUITE_P(, FailedFetch, ::testing::ValuesIn(kFailures),
                         [](const auto& row) { return std::string(row.param.name); });

TEST_F(FetchEngine, CallsWhatIsNotHttpAProtocolError) {
  ScriptedServer server(each_request([](Peer& peer, const std::string&) {
    peer.send("220 ftp.example.org ready\r\n");
    peer.close();
  }));
  EXPECT_EQ(get(server.url("/")).error_class(), v1::PROTOCOL);
  EXPECT_EQ(get(server.url("/")).status(), 0u);
}

TEST_F(FetchEngine, TellsMissingFilesFromErrors) {
  ScriptedServer server(each_request([](Peer& peer, const std::string& request) {
    peer.send(response(asks_for(request, "/gone") ? "410 Gone" : "404 Not Found", "no"));
  }));
  const auto missing = get(server.url("/missing"));
  EXPECT_EQ(missing.outcome(), v1::FETCH_NOT_FOUND);
  EXPECT_EQ(missing.error_class(), v1::NONE);
  EXPECT_EQ(missing.reason(), "HTTP 404 Not Found");
  EXPECT_EQ(missing.status(), 404u);
  EXPECT_EQ(get(server.url("/gone")).outcome(), v1::FETCH_NOT_FOUND);
  EXPECT_EQ(server.connections(), 1);
  EXPECT_TRUE(std::filesystem::is_empty(folder_));
}

TEST_F(FetchEngine, PassesOnWhatRetryAfterAsksFor) {
  ScriptedServer server(each_request([](Peer& peer, const std::string&) {
    peer.send(response("429 Slow down\r\nRetry-After: 7", ""));
  }));
  const auto result = get(server.url("/"));
  EXPECT_EQ(result.status(), 429u);
  EXPECT_TRUE(result.has_retry_after_ms());
  EXPECT_EQ(result.retry_after_ms(), 7000u);
}

// ---- broken connections -------------------------------------------------------------------------

TEST_F(FetchEngine, CallsABrokenConnectionReset) {
  ScriptedServer server(each_request([](Peer& peer, const std::string& request) {
    if (asks_for(request, "/midway"))
      peer.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
    if (asks_for(request, "/good")) peer.send(response("200 OK", "good"));
    if (!asks_for(request, "/good")) peer.reset();
  }));
  EXPECT_EQ(get(server.url("/at-once")).error_class(), v1::RESET);
  EXPECT_EQ(server.connections(), 1) << "a new connection that is reset is not tried again";
  const auto midway = get(server.url("/midway"));
  EXPECT_TRUE(midway.error_class() == v1::RESET || midway.error_class() == v1::TRUNCATED)
      << midway.reason();
  EXPECT_EQ(get(server.url("/good")).outcome(), v1::FETCH_OK);
}

TEST_F(FetchEngine, TriesAgainWhenAnIdleConnectionTurnsOutToBeReset) {
  ScriptedServer server([](Peer& peer) {
    peer.request();
    peer.send(response("200 OK", "good"));
    peer.request();
    peer.reset();
  });
  EXPECT_EQ(get(server.url("/1")).outcome(), v1::FETCH_OK);
  EXPECT_EQ(get(server.url("/2")).outcome(), v1::FETCH_OK);
  EXPECT_EQ(server.connections(), 2);
}

TEST_F(FetchEngine, TriesAgainOnlyOnce) {
  ScriptedServer server([](Peer& peer) {
    peer.request();
    if (peer.number() > 1) return peer.reset();
    peer.send(response("200 OK", "good"));
    peer.request();
  });
  EXPECT_EQ(get(server.url("/1")).outcome(), v1::FETCH_OK);
  EXPECT_EQ(get(server.url("/2")).error_class(), v1::RESET);
  EXPECT_EQ(server.connections(), 2);
}

TEST_F(FetchEngine, LeavesAConnectionThatTheServerClosedMeanwhile) {
  Event closed;
  ScriptedServer server([&](Peer& peer) {
    peer.request();
    peer.send(response("200 OK", "good"));
    peer.close();
    closed.set();
  });
  EXPECT_EQ(get(server.url("/1")).outcome(), v1::FETCH_OK);
  ASSERT_TRUE(closed.wait(kPatience));
  EXPECT_EQ(get(server.url("/2")).outcome(), v1::FETCH_OK);
  EXPECT_EQ(server.connections(), 2);
}

TEST_F(FetchEngine, NeverTakesBytesFromBeforeTheRequestForItsAnswer) {
  Event ghost;
  ScriptedServer server([&](Peer& peer) {
    peer.request();
    peer.send(response("200 OK", "first"));
    if (peer.number() > 1) return peer.hold();
    peer.send(response("200 OK", "ghost"));
    ghost.set();
    peer.hold();
  });
  EXPECT_EQ(get(server.url("/1"), "1").outcome(), v1::FETCH_OK);
  ASSERT_TRUE(ghost.wait(kPatience));
  EXPECT_EQ(get(server.url("/2"), "2").outcome(), v1::FETCH_OK);
  EXPECT_EQ(content(folder_ / "2"), "first");
  EXPECT_EQ(server.connections(), 2);
}

TEST_F(FetchEngine, NeverTakesWhatFollowsARedirectForTheAnswerOfItsTarget) {
  ScriptedServer server([&](Peer& peer) {
    const auto first = peer.request();
    if (first && asks_for(*first, "/target"))
      peer.send(response("200 OK", "target"));
    else
      peer.send(response("302 Found\r\nLocation: /target", "") + response("200 OK", "ghost"));
    while (peer.request()) peer.send(response("200 OK", "target"));
  });
  EXPECT_EQ(get(server.url("/")).outcome(), v1::FETCH_OK);
  EXPECT_EQ(content(folder_ / "file"), "target");
}

TEST_F(FetchEngine, CallsAPortWhereNobodyListensAConnectError) {
  std::string url;
  {
    ScriptedServer server(good());
    url = server.url("/");
  }
  const auto result = get(url);
  EXPECT_EQ(result.error_class(), v1::CONNECT);
  EXPECT_EQ(result.reason(), "cannot connect: Connection refused");
}

TEST_F(FetchEngine, TellsWhenThereIsNoDescriptorLeft) {
  ScriptedServer server(good());
  get("no url");  // UBSan needs descriptors itself the first time it sees the report's path
  rlimit before{};
  ::getrlimit(RLIMIT_NOFILE, &before);
  const rlimit none{lowest_free_descriptor(), before.rlim_max};
  ::setrlimit(RLIMIT_NOFILE, &none);
  engine_->start(0, request(server.url("/")));
  engine_->step();
  ::setrlimit(RLIMIT_NOFILE, &before);
  wait();
  EXPECT_EQ(results_[0].error_class(), v1::CONNECT);
  EXPECT_EQ(results_[0].reason(), "cannot open a socket: Too many open files");
  EXPECT_EQ(get(server.url("/")).outcome(), v1::FETCH_OK);
}

TEST_F(FetchEngine, CallsAServerThatSpeaksNoTlsATlsError) {
  ScriptedServer server([](Peer& peer) {
    peer.send("HTTP/1.1 400 Bad Request\r\n\r\n");
    peer.hold();
  });
  const auto result = get("https://" + server.endpoint() + "/");
  EXPECT_EQ(result.error_class(), v1::TLS) << result.reason();
}

// ---- https --------------------------------------------------------------------------------------

TEST_F(SecureFetch, SavesABodyAndUsesTheConnectionAgain) {
  ScriptedServer server(over_tls(certificate_, good()));
  for (int i = 0; i < 3; ++i) {
    const auto result = get(https(server, "/"));
    EXPECT_EQ(result.outcome(), v1::FETCH_OK) << result.reason();
  }
  EXPECT_EQ(content(folder_ / "file"), "good");
  EXPECT_EQ(server.connections(), 1);
}

TEST_F(SecureFetch, RefusesACertificateThatNobodyVouchesFor) {
  const Certificate other;
  ScriptedServer server(over_tls(other, good()));
  EXPECT_EQ(get(https(server, "/")).error_class(), v1::TLS);
  EXPECT_EQ(server.requests(), 0);
}

TEST_F(SecureFetch, RefusesACertificateOfAnotherHost) {
  ScriptedServer server(over_tls(certificate_, good()));
  const auto result = get("https://localhost:" + std::to_string(server.port()) + "/");
  EXPECT_EQ(result.error_class(), v1::TLS) << result.reason();
}

TEST_F(SecureFetch, LeavesHttpsForHttpOnlyWhenAllowed) {
  ScriptedServer plain(good());
  ScriptedServer server(over_tls(certificate_, each_request([&](Peer& peer, const std::string&) {
                                   peer.send(
                                       response("302 Found\r\nLocation: " + plain.url("/"), ""));
                                 })));
  auto down = request(https(server, "/"));
  const auto refused = run(down);
  EXPECT_EQ(refused.error_class(), v1::REDIRECT);
  EXPECT_EQ(refused.reason(), "a redirect from https to http is not followed");
  EXPECT_EQ(plain.connections(), 0);
  down.mutable_limits()->set_allow_downgrade(true);
  EXPECT_EQ(run(down).outcome(), v1::FETCH_OK);
}

TEST_F(SecureFetch, TakesNoBodyForCompleteThatEndsTooEarly) {
  ScriptedServer server(over_tls(certificate_, each_request([](Peer& peer, const std::string&) {
                                   peer.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
                                   peer.close();
                                 })));
  const auto result = get(https(server, "/"));
  EXPECT_EQ(result.error_class(), v1::TRUNCATED) << result.reason();
}

TEST_F(SecureFetch, NeverTakesBytesFromBeforeTheRequestForItsAnswer) {
  Event ghost;
  ScriptedServer server(over_tls(certificate_, [&](Peer& peer) {
    peer.request();
    peer.send(response("200 OK", "first"));
    if (peer.number() > 1) return peer.hold();
    peer.send(response("200 OK", "ghost"));
    ghost.set();
    peer.hold();
  }));
  EXPECT_EQ(get(https(server, "/1"), "1").outcome(), v1::FETCH_OK);
  ASSERT_TRUE(ghost.wait(kPatience));
  EXPECT_EQ(get(https(server, "/2"), "2").outcome(), v1::FETCH_OK);
  EXPECT_EQ(content(folder_ / "2"), "first");
}

// ---- time limits --------------------------------------------------------------------------------

TEST_F(FetchEngine, EndsAnAnswerThatNeverComesAtTheTimeLimit) {
  ScriptedServer server([](Peer& peer) { peer.hold(); });
  auto slow = request(server.url("/"));
  slow.mutable_limits()->set_timeout_ms(kSoon);
  const auto result = run(slow);
  EXPECT_EQ(result.error_class(), v1::TIMEOUT);
  EXPECT_EQ(result.reason(), "not complete within 300 ms");
}

TEST_F(FetchEngine, EndsABodyThatDripsAtTheTimeLimit) {
  ScriptedServer server(each_request([](Peer& peer, const std::string& request) {
    if (asks_for(request, "/good")) return void(peer.send(response("200 OK", "good")));
    peer.send("HTTP/1.1 200 OK\r\n\r\n");
    peer.drip(std::string(100'000, 'x'), 5ms);
  }));
  auto slow = request(server.url("/"));
  slow.mutable_limits()->set_timeout_ms(kSoon);
  slow.mutable_limits()->set_stall_bytes(1);
  slow.mutable_limits()->set_stall_ms(10'000);
  EXPECT_EQ(run(slow).error_class(), v1::TIMEOUT);
  EXPECT_EQ(get(server.url("/good")).outcome(), v1::FETCH_OK);
}

TEST_F(FetchEngine, CallsABodyThatComesTooSlowlyStalled) {
  ScriptedServer server(each_request([](Peer& peer, const std::string&) {
    peer.send("HTTP/1.1 200 OK\r\n\r\n");
    peer.drip(std::string(100'000, 'x'), 5ms);
  }));
  auto slow = request(server.url("/"));
  slow.mutable_limits()->set_stall_bytes(10'000);
  slow.mutable_limits()->set_stall_ms(kSoon);
  const auto result = run(slow);
  EXPECT_EQ(result.error_class(), v1::STALLED);
  EXPECT_EQ(result.reason(), "fewer than 10000 bytes in 300 ms");
}

TEST_F(FetchEngine, LetsASlowBodyFinishThatKeepsItsPace) {
  ScriptedServer server(each_request([](Peer& peer, const std::string&) {
    peer.send("HTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\n");
    peer.drip(std::string(40, 'x'), 10ms);
    peer.hold();
  }));
  auto slow = request(server.url("/"));
  slow.mutable_limits()->set_stall_bytes(1);
  slow.mutable_limits()->set_stall_ms(kSoon);
  EXPECT_EQ(run(slow).outcome(), v1::FETCH_OK);
}

TEST_F(FetchEngine, EndsAHandshakeThatNeverComesAtTheConnectLimit) {
  ScriptedServer server([](Peer& peer) { peer.hold(); });
  auto slow = request("https://" + server.endpoint() + "/");
  slow.mutable_limits()->set_connect_timeout_ms(kSoon);
  const auto result = run(slow);
  EXPECT_EQ(result.error_class(), v1::TIMEOUT);
  EXPECT_EQ(result.reason(), "no connection within 300 ms");
}

TEST_F(FetchEngine, KeepsTheVerdictOfAnErrorWhoseBodyNeverEnds) {
  ScriptedServer server(each_request([](Peer& peer, const std::string&) {
    peer.send("HTTP/1.1 503 Busy\r\nContent-Length: 10\r\n\r\n");
    peer.hold();
  }));
  auto slow = request(server.url("/"));
  slow.mutable_limits()->set_timeout_ms(kSoon);
  const auto result = run(slow);
  EXPECT_EQ(result.error_class(), v1::HTTP_STATUS);
  EXPECT_EQ(result.reason(), "HTTP error 503 - Busy");
}

}  // namespace
}  // namespace flagship::fetch
