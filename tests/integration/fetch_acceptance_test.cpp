// SPDX-License-Identifier: MIT
// What of an answer is taken: conditions, checksums; and what is noted of it.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "tests/integration/fetch_engine_fixture.hpp"
#include "tests/support/scripted_server.hpp"

namespace flagship::fetch {
namespace {

using flagship::testing::asks_for;
using flagship::testing::each_request;
using flagship::testing::Peer;
using flagship::testing::response;
using flagship::testing::ScriptedServer;

class FetchAcceptance : public FetchEngine {};

// ---- conditions ---------------------------------------------------------------------------------

TEST_F(FetchAcceptance, SkipsWhatTheServerSaysHasNotChanged) {
  std::string head;
  ScriptedServer server(each_request([&](Peer& peer, const std::string& request) {
    head = request;
    peer.send("HTTP/1.1 304 Not Modified\r\nETag: \"1\"\r\n\r\n");
  }));
  std::ofstream(folder_ / "file") << "old";
  auto again = request(server.url("/"));
  again.set_if_none_match("\"1\"");
  again.set_if_modified_since("Sun, 06 Nov 1994 08:49:37 GMT");
  const auto result = run(again);
  EXPECT_EQ(result.outcome(), v1::FETCH_SKIPPED) << result.reason();
  EXPECT_EQ(result.reason(), "not changed");
  EXPECT_EQ(result.error_class(), v1::NONE);
  EXPECT_EQ(result.status(), 304u);
  EXPECT_NE(head.find("If-None-Match: \"1\"\r\n"), std::string::npos) << head;
  EXPECT_NE(head.find("If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n"), std::string::npos);
  EXPECT_EQ(content(folder_ / "file"), "old");
  EXPECT_EQ(get(server.url("/")).error_class(), v1::HTTP_STATUS) << "nobody asked for this one";
  EXPECT_EQ(head.find("If-"), std::string::npos) << head;
}

TEST_F(FetchAcceptance, SavesWhatHasChangedAndTellsItsValidators) {
  ScriptedServer server(each_request([&](Peer& peer, const std::string&) {
    peer.send(
        response("200 OK\r\nETag: W/\"2\"\r\nLast-Modified: Sun, 06 Nov 1994 08:49:37 GMT", "new"));
  }));
  auto again = request(server.url("/"));
  again.set_if_none_match("\"1\"");
  const auto result = run(again);
  EXPECT_EQ(result.outcome(), v1::FETCH_OK) << result.reason();
  EXPECT_EQ(result.etag(), "W/\"2\"");
  EXPECT_EQ(result.last_modified(), "Sun, 06 Nov 1994 08:49:37 GMT");
  EXPECT_EQ(content(folder_ / "file"), "new");
}

TEST_F(FetchAcceptance, SendsNoConditionThatIsMoreThanOneLine) {
  ScriptedServer server(good());
  auto odd = request(server.url("/"));
  odd.set_if_none_match("\"1\"\r\nX: y");
  EXPECT_EQ(run(odd).error_class(), v1::BAD_INPUT);
  EXPECT_EQ(server.connections(), 0);
}

TEST_F(FetchAcceptance, TellsNoValidatorThatHoldsWhatNoTextHolds) {
  ScriptedServer server(each_request([&](Peer& peer, const std::string&) {
    peer.send(response("200 OK\r\nETag: \"\xff\x01\"", "good"));
  }));
  EXPECT_EQ(get(server.url("/")).etag(), "");
}

// ---- checksums ----------------------------------------------------------------------------------

TEST_F(FetchAcceptance, SavesOnlyWhatHasTheChecksumThatIsExpected) {
  ScriptedServer server(each_request([](Peer& peer, const std::string& request) {
    peer.send(response("200 OK", asks_for(request, "/good") ? "good" : "bad"));
  }));
  for (const std::string name : {"good", "bad"}) {
    auto checked = request(server.url("/" + name), name);
    checked.set_expected_sha256(sha256("good"));
    const auto result = run(checked);
    EXPECT_EQ(result.error_class(), name == "good" ? v1::NONE : v1::BAD_CHECKSUM);
    EXPECT_EQ(std::filesystem::exists(folder_ / name), name == "good");
    if (name == "good") continue;
    EXPECT_EQ(result.sha256(), "");
    EXPECT_TRUE(result.reason().starts_with("its SHA-256 is ")) << result.reason();
  }
}

TEST_F(FetchAcceptance, RefusesAChecksumThatIsNone) {
  ScriptedServer server(good());
  auto odd = request(server.url("/"));
  odd.set_expected_sha256("abcd");
  EXPECT_EQ(run(odd).error_class(), v1::BAD_INPUT);
}

// ---- times --------------------------------------------------------------------------------------

TEST_F(FetchAcceptance, NotesWhenEachStageOfANewConnectionWasOver) {
  ScriptedServer server(good());
  const auto first = get(server.url("/"));
  EXPECT_GT(first.timings().connected(), 0u);
  EXPECT_LE(first.timings().connected(), first.timings().first_byte());
  EXPECT_LE(first.timings().first_byte(), first.micros());
  EXPECT_EQ(first.timings().secured(), 0u);
  const auto second = get(server.url("/"));
  EXPECT_EQ(server.connections(), 1);
  EXPECT_EQ(second.timings().connected(), 0u) << "it was there before";
  EXPECT_GT(second.timings().first_byte(), 0u);
}

TEST_F(FetchAcceptance, NotesNoStageThatWasNotReached) {
  const auto nothing = get("http://[::1/");
  EXPECT_FALSE(nothing.has_timings());
}

TEST_F(FetchAcceptance, EndsAnAnswerWhoseFirstByteNeverComes) {
  ScriptedServer server([](Peer& peer) { peer.hold(); });
  auto slow = request(server.url("/"));
  slow.mutable_limits()->set_first_byte_timeout_ms(kSoon);
  const auto result = run(slow);
  EXPECT_EQ(result.error_class(), v1::TIMEOUT);
  EXPECT_EQ(result.reason(), "no answer within 300 ms");
}

TEST_F(FetchAcceptance, LetsABodyTakeLongerThanItsFirstByte) {
  ScriptedServer server(each_request([](Peer& peer, const std::string&) {
    peer.send("HTTP/1.1 200 OK\r\nContent-Length: 60\r\n\r\n");
    peer.drip(std::string(60, 'x'), std::chrono::milliseconds(10));
    peer.hold();
  }));
  auto slow = request(server.url("/"));
  slow.mutable_limits()->set_first_byte_timeout_ms(kSoon);
  EXPECT_EQ(run(slow).outcome(), v1::FETCH_OK);
}

}  // namespace
}  // namespace flagship::fetch
