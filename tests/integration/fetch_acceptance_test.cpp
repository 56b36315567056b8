// SPDX-License-Identifier: MIT
// What of an answer is taken: conditions, checksums, media types, encodings; and what is noted of
// it.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "tests/integration/fetch_engine_fixture.hpp"
#include "tests/support/encoders.hpp"
#include "tests/support/scripted_server.hpp"

namespace flagship::fetch {
namespace {

using flagship::testing::asks_for;
using flagship::testing::each_request;
using flagship::testing::encoded;
using flagship::testing::gzipped;
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

// ---- media types --------------------------------------------------------------------------------

v1::FetchRequest accepting(v1::FetchRequest request, const std::string& type) {
  v1::FetchSettings settings;
  settings.add_accept_types(type);
  request.mutable_limits()->set_settings(settings.SerializeAsString());
  return request;
}

struct Typed {
  const char* name;
  const char* type;  // empty: the answer has none
  std::string body;
  std::string reason;  // empty: it is taken
};

const Typed kTyped[] = {
    {"OfItsType", "image/gif; q=1", "GIF89a", ""},
    {"OfAnotherType", "text/html", "GIF89a", "text/html, not image/*"},
    {"AnErrorPageWithStatus200", "image/gif", "<!DOCTYPE html><title>Sorry</title>",
     "text/html by its first bytes, not image/*"},
    {"ALargeErrorPage", "image/gif", "<html>" + std::string(100'000, 'x'),
     "text/html by its first bytes, not image/*"},
    {"OfBytesThatDoNotTell", "image/x-unheard-of", "?!", ""},
    {"WithoutATypeAndTelling", "", "\x89PNG\r\n\x1a\n", ""},
    {"WithoutATypeAndNotTelling", "", "?!", "of no media type, not image/*"},
    {"Empty", "image/gif", "", ""},
};

TEST_F(FetchAcceptance, TakesBodiesOfAcceptedTypesOnly) {
  for (const Typed& row : kTyped) {
    ScriptedServer server(each_request([&](Peer& peer, const std::string&) {
      const std::string type = row.type;
      peer.send(response("200 OK" + (type.empty() ? type : "\r\nContent-Type: " + type), row.body));
    }));
    const auto result = run(accepting(request(server.url("/"), row.name), "image/*"));
    EXPECT_EQ(result.reason(), row.reason) << row.name;
    EXPECT_EQ(result.error_class(), row.reason.empty() ? v1::NONE : v1::WRONG_TYPE) << row.name;
    EXPECT_EQ(std::filesystem::exists(folder_ / row.name), row.reason.empty()) << row.name;
  }
}

TEST_F(FetchAcceptance, JudgesNoBytesThatAreEncoded) {
  ScriptedServer server(each_request([](Peer& peer, const std::string&) {
    peer.send(response("200 OK\r\nContent-Type: image/svg+xml\r\nContent-Encoding: gzip",
                       gzipped("<svg/>")));
  }));
  EXPECT_EQ(run(accepting(request(server.url("/")), "image/*")).outcome(), v1::FETCH_OK);
}

// ---- robots -------------------------------------------------------------------------------------

TEST_F(FetchAcceptance, RefusesWhatAsksRobotsNotToTakeItWhereThatIsHeeded) {
  ScriptedServer server(each_request([](Peer& peer, const std::string& request) {
    peer.send(response(asks_for(request, "/other")
                           ? "200 OK\r\nX-Robots-Tag: otherbot: noai"
                           : "200 OK\r\nX-Robots-Tag: nofollow\r\nX-Robots-Tag: noai",
                       "good"));
  }));
  v1::FetchSettings settings;
  settings.set_robots_agent("flagship");
  for (const std::string name : {"us", "other"}) {
    auto heeding = request(server.url("/" + name), name);
    heeding.mutable_limits()->set_settings(settings.SerializeAsString());
    const auto result = run(heeding);
    EXPECT_EQ(result.error_class(), name == "us" ? v1::REFUSED_ROBOTS : v1::NONE);
    EXPECT_EQ(std::filesystem::exists(folder_ / name), name != "us");
    if (name != "us") continue;
    EXPECT_EQ(result.reason(), "the server asks robots not to take it (X-Robots-Tag: noai)");
  }
  EXPECT_EQ(get(server.url("/us")).outcome(), v1::FETCH_OK);
}

TEST_F(FetchAcceptance, ReturnsTheBeginningOfABodyOfWhateverTypeAndKeepsNothing) {
  const std::string body(100'000, 'x');
  ScriptedServer server(each_request([&](Peer& peer, const std::string&) {
    peer.send(response("200 OK\r\nContent-Type: text/plain\r\nX-Robots-Tag: noindex", body));
  }));
  v1::FetchSettings settings;
  settings.set_robots_agent("flagship");
  settings.add_accept_types("image/*");
  auto returning = request(server.url("/robots.txt"), "");
  returning.mutable_limits()->set_settings(settings.SerializeAsString());
  for (const std::uint32_t most : {1000u, 1'000'000u}) {
    returning.set_return_bytes(most);
    const auto result = run(returning);
    EXPECT_EQ(result.outcome(), v1::FETCH_OK) << result.reason();
    EXPECT_EQ(result.body(), body.substr(0, most));
    EXPECT_EQ(result.bytes(), body.size());
  }
  EXPECT_EQ(run(request(server.url("/"), "")).body(), "");
}

// ---- encodings ----------------------------------------------------------------------------------

v1::FetchRequest compressed(v1::FetchRequest request) {
  v1::FetchSettings settings;
  settings.set_compressed(true);
  request.mutable_limits()->set_settings(settings.SerializeAsString());
  return request;
}

TEST_F(FetchAcceptance, SavesWhatIsInAnEncodedBody) {
  std::string head;
  const std::string text(300'000, 'x');
  ScriptedServer server(each_request([&](Peer& peer, const std::string& request) {
    head = request;
    const std::string encoding = request.substr(5, request.find(" HTTP") - 5);
    peer.send(response("200 OK\r\nContent-Encoding: " + encoding, encoded(encoding, text)));
  }));
  for (const std::string encoding : {"gzip", "br", "zstd"}) {
    const auto result = run(compressed(request(server.url("/" + encoding))));
    EXPECT_EQ(result.outcome(), v1::FETCH_OK) << result.reason();
    EXPECT_EQ(result.bytes(), text.size());
    EXPECT_EQ(result.sha256(), sha256(text));
    EXPECT_EQ(content(folder_ / "file"), text);
    EXPECT_NE(head.find("Accept-Encoding: gzip, br, zstd\r\n"), std::string::npos) << head;
  }
}

TEST_F(FetchAcceptance, SavesABodyThatIsNotEncodedAlthoughItMightBe) {
  ScriptedServer server(good());
  EXPECT_EQ(run(compressed(request(server.url("/")))).outcome(), v1::FETCH_OK);
  EXPECT_EQ(content(folder_ / "file"), "good");
}

TEST_F(FetchAcceptance, NeverCallsAnEncodedBodyCompleteThatIsCutOff) {
  ScriptedServer server(each_request([&](Peer& peer, const std::string& request) {
    const std::string encoding = request.substr(5, request.find(" HTTP") - 5);
    const std::string whole = encoded(encoding, std::string(1000, 'x'));
    peer.send(
        response("200 OK\r\nContent-Encoding: " + encoding, whole.substr(0, whole.size() - 3)));
  }));
  for (const std::string encoding : {"gzip", "br", "zstd"}) {
    const auto result = run(compressed(request(server.url("/" + encoding))));
    EXPECT_EQ(result.error_class(), v1::TRUNCATED) << encoding << ": " << result.reason();
    EXPECT_FALSE(std::filesystem::exists(folder_ / "file"));
  }
}

TEST_F(FetchAcceptance, RefusesWhatIsEncodedOtherwiseThanItSays) {
  ScriptedServer server(each_request([&](Peer& peer, const std::string& request) {
    peer.send(response(asks_for(request, "/odd") ? "200 OK\r\nContent-Encoding: rot13"
                                                 : "200 OK\r\nContent-Encoding: gzip",
                       "no such thing"));
  }));
  EXPECT_EQ(run(compressed(request(server.url("/")))).error_class(), v1::PROTOCOL);
  EXPECT_EQ(run(compressed(request(server.url("/odd")))).reason(),
            "the body is encoded as nobody asked for: rot13");
}

TEST_F(FetchAcceptance, CountsABodyAfterDecoding) {
  ScriptedServer server(each_request([](Peer& peer, const std::string& request) {
    const std::string encoding = request.substr(5, request.find(" HTTP") - 5);
    peer.send(response("200 OK\r\nContent-Encoding: " + encoding,
                       encoded(encoding, std::string(30'000'000, 'x'))));
  }));
  for (const std::string encoding : {"gzip", "br", "zstd"}) {
    auto bomb = compressed(request(server.url("/" + encoding)));
    bomb.mutable_limits()->set_max_bytes(1'000'000);
    const auto result = run(bomb);
    EXPECT_EQ(result.error_class(), v1::TOO_LARGE) << encoding << ": " << result.reason();
    EXPECT_EQ(result.reason(), "more than 1000000 bytes");
  }
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
