// SPDX-License-Identifier: MIT
// Servers that mean no good, or do not know better. One row a behaviour: what the server does for
// every request but the one for /good, and how the transfer ends. Each ends within its limits, with
// bounded memory, leaves nothing under a final name, and the next transfer of the same engine
// works.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <string_view>

#include "tests/integration/fetch_engine_fixture.hpp"
#include "tests/integration/secure_fetch_fixture.hpp"
#include "tests/support/encoders.hpp"
#include "tests/support/fake_resolver.hpp"
#include "tests/support/scripted_server.hpp"
#include "tests/support/tls_server.hpp"

namespace flagship::fetch {
namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;
using flagship::testing::asks_for;
using flagship::testing::Certificate;
using flagship::testing::encoded;
using flagship::testing::FakeResolver;
using flagship::testing::over_tls;
using flagship::testing::Peer;
using flagship::testing::response;
using flagship::testing::ScriptedServer;
using flagship::testing::Validity;

constexpr std::uint32_t kWhole = 1500;     // milliseconds: the limit of a transfer
constexpr std::uint32_t kFirstByte = 200;  // of an answer's first byte
constexpr std::uint32_t kStall = 400;      // of a body that stands still
constexpr std::uint64_t kMaxBytes = 1'000'000;
constexpr std::size_t kRoom = 64u << 20;  // that a hostile server may cost

using Act = std::function<void(Peer&)>;

struct Hostile {
  const char* name;
  v1::FetchClass error_class;
  Act act;
  const char* reason = "";     // what the reason holds
  const char* bomb = nullptr;  // how 100 MB of nothing are packed instead
};

void PrintTo(const Hostile& row, std::ostream* out) { *out << row.name; }

// ---- ways to behave -----------------------------------------------------------------------------

Act sends(std::string bytes) {
  return [bytes = std::move(bytes)](Peer& peer) { peer.send(bytes); };
}

Act sends_and_resets(std::string bytes) {
  return [bytes = std::move(bytes)](Peer& peer) {
    peer.send(bytes);
    peer.reset();
  };
}

Act sends_and_holds(std::string bytes) {
  return [bytes = std::move(bytes)](Peer& peer) {
    peer.send(bytes);
    peer.hold();
  };
}

Act drips(std::string before, std::string bytes) {
  return [=](Peer& peer) {
    peer.send(before);
    peer.drip(bytes, 5ms);
    peer.hold();
  };
}

Act floods(std::string before, std::string again) {
  return [=](Peer& peer) {
    for (bool there = peer.send(before); there;) there = peer.send(again);
  };
}

std::string repeated(std::string_view text, int times) {
  std::string all;
  for (int i = 0; i < times; ++i) all += text;
  return all;
}

std::string redirect(const std::string& location) {
  return response("302 Found\r\nLocation: " + location, "");
}

std::string encoded_body(const std::string& encoding, const std::string& bytes) {
  return response("200 OK\r\nContent-Encoding: " + encoding, bytes);
}

std::string cut(std::string bytes, std::size_t less) {
  bytes.resize(bytes.size() - less);
  return bytes;
}

const std::string kOk = "HTTP/1.1 200 OK\r\n";
const std::string kChunks = kOk + "Transfer-Encoding: chunked\r\n\r\n";
const std::string kPiece(64 * 1024, 'x');

const Hostile kRows[] = {
    // connections that end or stand still
    {"ResetBeforeAnything", v1::RESET, sends_and_resets("")},
    {"ResetWithinTheStatusLine", v1::RESET, sends_and_resets("HTTP/1.")},
    {"ResetWithinTheHeaders", v1::RESET, sends_and_resets(kOk + "X: y\r\n")},
    {"ClosedBeforeAnything", v1::RESET, sends("")},
    {"ClosedWithinTheStatusLine", v1::RESET, sends("HTTP/1.1 20")},
    {"ClosedWithinTheHeaders", v1::TRUNCATED, sends(kOk + "Content-Le"), "within the headers"},
    {"ClosedAfterTheHeaders", v1::TRUNCATED, sends(kOk + "Content-Length: 9\r\n\r\n"),
     "after 0 of 9 bytes"},
    {"ClosedWithinTheBody", v1::TRUNCATED, sends(kOk + "Content-Length: 9\r\n\r\nhalf"),
     "after 4 of 9 bytes"},
    {"ClosedWithinAChunk", v1::TRUNCATED, sends(kChunks + "9\r\nhalf")},
    {"ClosedBeforeTheLastChunk", v1::TRUNCATED, sends(kChunks + "4\r\nhalf\r\n")},
    {"ClosedWithinTheTrailers", v1::TRUNCATED, sends(kChunks + "4\r\nhalf\r\n0\r\nX: ")},
    {"NoAnswer", v1::TIMEOUT, sends_and_holds(""), "no answer within 200 ms"},
    {"StallWithinTheStatusLine", v1::TIMEOUT, sends_and_holds("HTTP/1.1 2")},
    {"StallWithinTheHeaders", v1::STALLED, sends_and_holds(kOk + "Content-Le")},
    {"StallBeforeTheBody", v1::STALLED, sends_and_holds(kOk + "Content-Length: 9\r\n\r\n")},
    {"StallWithinTheBody", v1::STALLED, sends_and_holds(kOk + "Content-Length: 9\r\n\r\nhalf")},
    {"StallWithinAChunkSize", v1::STALLED, sends_and_holds(kChunks + "4\r\nhalf\r\n2")},
    {"StallAfterAnInterimAnswer", v1::STALLED, sends_and_holds("HTTP/1.1 100 Continue\r\n\r\n")},
    {"DripOfOneHeader", v1::STALLED, drips(kOk, std::string(100'000, 'x'))},
    {"DripOfHeaders", v1::TIMEOUT, drips(kOk, repeated("X: y\r\n", 10'000)), "not complete within"},
    {"DripOfABody", v1::TIMEOUT, drips(kOk + "\r\n", std::string(100'000, 'x')),
     "not complete within"},
    {"InterimAnswersWithoutEnd", v1::PROTOCOL,
     floods("", "HTTP/1.1 103 Early Hints\r\nX: y\r\n\r\n"), "more than 256 KiB of headers"},
    // too much
    {"BodyWithoutEnd", v1::TOO_LARGE, floods(kOk + "\r\n", kPiece)},
    {"ChunksWithoutEnd", v1::TOO_LARGE, floods(kChunks, "10000\r\n" + kPiece + "\r\n")},
    {"HeadersWithoutEnd", v1::PROTOCOL, floods(kOk, "X-Filler: " + std::string(1000, 'x') + "\r\n"),
     "more than 256 KiB of headers"},
    {"OneHeaderWithoutEnd", v1::PROTOCOL, floods(kOk + "X-Filler: ", kPiece)},
    {"StatusLineWithoutEnd", v1::PROTOCOL, floods("HTTP/1.1 200 ", kPiece)},
    {"TrailersWithoutEnd", v1::PROTOCOL,
     floods(kChunks + "0\r\n", "X: " + std::string(1000, 'x') + "\r\n"),
     "more than 256 KiB of headers"},
    {"ErrorWithABodyWithoutEnd", v1::HTTP_STATUS, floods("HTTP/1.1 500 Oh\r\n\r\n", kPiece)},
    {"RedirectWithABodyWithoutEnd", v1::REDIRECT,
     floods("HTTP/1.1 302 Found\r\nLocation: /bad\r\n\r\n", kPiece), "more than 3 redirects"},
    {"LengthBeyondTheLimit", v1::TOO_LARGE, sends(kOk + "Content-Length: 1000001\r\n\r\n")},
    {"LengthOf18Exabytes", v1::TOO_LARGE,
     sends(kOk + "Content-Length: 9223372036854775807\r\n\r\n")},
    {"GzipBomb", v1::TOO_LARGE, {}, "", "gzip"},
    {"BrotliBomb", v1::TOO_LARGE, {}, "", "br"},
    {"ZstdBomb", v1::TOO_LARGE, {}, "", "zstd"},
    // lengths and encodings that are not so
    {"TruncatedGzip", v1::TRUNCATED, sends(encoded_body("gzip", cut(encoded("gzip", kPiece), 5)))},
    {"TruncatedBrotli", v1::TRUNCATED, sends(encoded_body("br", cut(encoded("br", kPiece), 2)))},
    {"TruncatedZstd", v1::TRUNCATED, sends(encoded_body("zstd", cut(encoded("zstd", kPiece), 2)))},
    {"GzipThatIsNone", v1::PROTOCOL, sends(encoded_body("gzip", "plainly no gzip"))},
    {"GzipOfAWrongSum", v1::PROTOCOL,
     sends(encoded_body("gzip", cut(encoded("gzip", kPiece), 8) + "12345678"))},
    {"AnEncodingNobodyAskedFor", v1::PROTOCOL, sends(encoded_body("gzip, gzip, gzip, br", "x"))},
    {"TwoLengths", v1::PROTOCOL,
     sends(kOk + "Content-Length: 4\r\nContent-Length: 5\r\n\r\ngood!")},
    {"TwoLengthsInOne", v1::PROTOCOL, sends(kOk + "Content-Length: 4, 5\r\n\r\ngood!")},
    {"NegativeLength", v1::PROTOCOL, sends(kOk + "Content-Length: -4\r\n\r\ngood")},
    {"LengthInHex", v1::PROTOCOL, sends(kOk + "Content-Length: 0x4\r\n\r\ngood")},
    {"LengthThatIsEmpty", v1::PROTOCOL, sends(kOk + "Content-Length: \r\n\r\ngood")},
    {"LengthThatOverflows", v1::PROTOCOL,
     sends(kOk + "Content-Length: 18446744073709551616\r\n\r\n")},
    {"LengthFolded", v1::PROTOCOL, sends(kOk + "Content-Length: 1\r\n 0\r\n\r\n0123456789")},
    {"LengthLessThanTheBody", v1::NONE, sends(kOk + "Content-Length: 4\r\n\r\ngood and more")},
    {"ChunkOfNoSize", v1::PROTOCOL, sends(kChunks + "zz\r\nxx\r\n0\r\n\r\n")},
    {"ChunkOfNegativeSize", v1::PROTOCOL, sends(kChunks + "-4\r\nhalf\r\n0\r\n\r\n")},
    {"ChunkOfHugeSize", v1::PROTOCOL, sends(kChunks + "fffffffffffffffff\r\nx\r\n0\r\n\r\n")},
    {"ChunkLongerThanItsSize", v1::PROTOCOL, sends(kChunks + "2\r\nlonger\r\n0\r\n\r\n")},
    // answers that are no whole file
    {"NoContent", v1::HTTP_STATUS, sends("HTTP/1.1 204 No Content\r\n\r\n"), "not a whole file"},
    {"ResetContent", v1::HTTP_STATUS, sends(response("205 Reset Content", "x")),
     "not a whole file"},
    {"PartUnasked", v1::HTTP_STATUS,
     sends(response("206 Partial Content\r\nContent-Range: bytes 0-3/9", "half")),
     "not a whole file"},
    {"NotModifiedUnasked", v1::HTTP_STATUS, sends("HTTP/1.1 304 Not Modified\r\n\r\n"),
     "not a whole file"},
    {"MultipleChoices", v1::HTTP_STATUS, sends(response("300 Multiple Choices", "x")),
     "HTTP error 300"},
    {"SwitchingProtocols", v1::PROTOCOL,
     sends("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\nhello"), "switches protocols"},
    {"StatusOf999", v1::HTTP_STATUS, sends(response("999 What", "x")), "HTTP error 999"},
    {"TooManyRequests", v1::HTTP_STATUS, sends(response("429 Slow\r\nRetry-After: 1", ""))},
    // what is no HTTP
    {"NoHttp", v1::PROTOCOL, sends("SSH-2.0-OpenSSH_9.2\r\n")},
    {"Http09", v1::PROTOCOL, sends("<html>just a body</html>")},
    {"Http3OverTcp", v1::PROTOCOL, sends("HTTP/3 200\r\n\r\ngood")},
    {"StatusLineWithoutStatus", v1::PROTOCOL, sends("HTTP/1.1 \r\n\r\n")},
    {"StatusOfTwoDigits", v1::PROTOCOL, sends("HTTP/1.1 20 OK\r\nContent-Length: 4\r\n\r\ngood")},
    {"StatusOfFourDigits", v1::PROTOCOL,
     sends("HTTP/1.1 2000 OK\r\nContent-Length: 4\r\n\r\ngood")},
    {"StatusOfLetters", v1::PROTOCOL, sends("HTTP/1.1 abc OK\r\nContent-Length: 4\r\n\r\ngood")},
    {"NulWithinAHeader", v1::PROTOCOL, sends(kOk + "X: a\0b\r\nContent-Length: 4\r\n\r\ngood"s)},
    {"NulsAlone", v1::PROTOCOL, sends(std::string(1000, '\0'))},
    {"SomebodyElsesTls", v1::PROTOCOL, sends("\x15\x03\x01\0\x02\x02\x16"s)},
    // redirects
    {"RedirectLoop", v1::REDIRECT, sends(redirect("/bad")), "more than 3 redirects"},
    {"RedirectWithoutLocation", v1::REDIRECT, sends(response("302 Found", ""))},
    {"RedirectToNothing", v1::REDIRECT, sends(redirect(""))},
    {"RedirectToFile", v1::REFUSED_SCHEME, sends(redirect("file:///etc/passwd")), "file"},
    {"RedirectToFileInCapitals", v1::REFUSED_SCHEME, sends(redirect("FILE:///etc/passwd"))},
    {"RedirectToGopher", v1::REFUSED_SCHEME, sends(redirect("gopher://127.0.0.1:25/_x"))},
    {"RedirectToData", v1::REFUSED_SCHEME, sends(redirect("data:text/plain,x"))},
    {"RedirectToAPrivateAddress", v1::REFUSED_ADDRESS, sends(redirect("http://10.0.0.1/"))},
    {"RedirectToLoopback", v1::REFUSED_ADDRESS, sends(redirect("http://127.0.0.1:1/"))},
    {"RedirectToLoopbackInDisguise", v1::REFUSED_ADDRESS, sends(redirect("http://0x7f000001:1/"))},
    {"RedirectToMappedLoopback", v1::REFUSED_ADDRESS, sends(redirect("http://[::ffff:7f00:1]:1/"))},
    {"RedirectToCloudMetadata", v1::REFUSED_ADDRESS,
     sends(redirect("http://169.254.169.254/latest"))},
    {"RedirectBehindUserinfo", v1::REFUSED_ADDRESS,
     sends(redirect("http://example.org@10.0.0.1/"))},
    {"RedirectBehindABackslash", v1::REFUSED_ADDRESS,
     sends(redirect("http://10.0.0.1\\@10.0.0.2/"))},
    {"RedirectWithoutScheme", v1::REFUSED_ADDRESS, sends(redirect("//10.0.0.1/"))},
    {"RedirectWithNewlines", v1::NONE, sends(redirect("/good\r\nX-Injected: 1"))},
    {"TwoLocations", v1::NONE,
     sends(response("302 Found\r\nLocation: /good\r\nLocation: http://10.0.0.1/", ""))},
    // bytes where none belong
    {"AnotherAnswerBehindTheFirst", v1::NONE,
     sends(response("200 OK", "good") + response("200 OK", "ghost"))},
};

std::size_t peak_memory() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return static_cast<std::size_t>(usage.ru_maxrss) * 1024;
}

v1::FetchRequest limited(v1::FetchRequest request) {
  auto& limits = *request.mutable_limits();
  limits.set_timeout_ms(kWhole);
  limits.set_first_byte_timeout_ms(kFirstByte);
  limits.set_stall_bytes(1);
  limits.set_stall_ms(kStall);
  limits.set_max_redirects(3);
  limits.set_max_bytes(kMaxBytes);
  limits.set_allow_private(false);
  v1::FetchSettings settings;
  settings.set_compressed(true);
  limits.set_settings(settings.SerializeAsString());
  return request;
}

/// After each request for anything else than /good the connection is closed.
ScriptedServer::Script script_of(const Act& act) {
  return [act](Peer& peer) {
    while (const auto request = peer.request()) {
      if (!asks_for(*request, "/good")) return act(peer);
      peer.send(response("200 OK", "good"));
    }
  };
}

// Bombs are made when a test wants them: it takes a while, and this program starts once a case.
ScriptedServer::Script script_of(const Hostile& row) {
  if (row.bomb == nullptr) return script_of(row.act);
  return script_of(
      sends(encoded_body(row.bomb, encoded(row.bomb, std::string(100'000'000, '\0')))));
}

class HostileServer : public FetchEngine, public ::testing::WithParamInterface<Hostile> {
 protected:
  const FakeResolver resolver_;  // whatever a server says, nobody outside is asked
};
INSTANTIATE_TEST_SUITE_P(, HostileServer, ::testing::ValuesIn(kRows),
                         [](const auto& row) { return std::string(row.param.name); });

TEST_P(HostileServer, GetsItsClassWithinItsLimits) {
  const Hostile& row = GetParam();
  ScriptedServer server(script_of(row));
  auto request = limited(FetchEngine::request(server.url("/bad"), "bad"));
  request.mutable_limits()->set_trusted_endpoint(server.endpoint());
  const std::size_t before = peak_memory();
  const auto result = run(request);
  EXPECT_EQ(v1::FetchClass_Name(result.error_class()), v1::FetchClass_Name(row.error_class))
      << result.reason();
  EXPECT_NE(result.reason().find(row.reason), std::string::npos) << result.reason();
  EXPECT_EQ(std::filesystem::exists(folder_ / "bad"), row.error_class == v1::NONE);
  if (row.error_class == v1::NONE) {
    EXPECT_EQ(content(folder_ / "bad"), "good");
  }
  EXPECT_LT(peak_memory() - before, kRoom);
  EXPECT_LT(result.micros(), 1000u * kWhole + 20'000'000u) << "a slow machine, but not a hang";
  auto next = limited(FetchEngine::request(server.url("/good"), "good"));
  next.mutable_limits()->set_trusted_endpoint(server.endpoint());
  next.mutable_limits()->set_timeout_ms(20'000);
  next.mutable_limits()->set_first_byte_timeout_ms(0);
  EXPECT_EQ(run(next).outcome(), v1::FETCH_OK);
  EXPECT_EQ(content(folder_ / "good"), "good");
}

// All of them at once, as in a run.
TEST_F(FetchEngine, GivesEachOfManyHostileServersItsClassAtOnce) {
  std::vector<std::unique_ptr<ScriptedServer>> servers;
  for (const Hostile& row : kRows)
    servers.push_back(std::make_unique<ScriptedServer>(script_of(row)));
  for (std::uint64_t i = 0; i < servers.size(); ++i) {
    auto request = limited(FetchEngine::request(servers[i]->url("/bad"), ""));
    request.mutable_limits()->set_trusted_endpoint(servers[i]->endpoint());
    engine_->start(i, request);
  }
  wait();
  std::size_t right = 0;
  for (std::uint64_t i = 0; i < servers.size(); ++i) {
    // A machine that is slow for a moment lets limits pass that others' floods use up.
    const auto got = results_[i].error_class();
    right += got == kRows[i].error_class ? 1 : 0;
    EXPECT_TRUE(got == kRows[i].error_class || got == v1::TIMEOUT || got == v1::STALLED)
        << kRows[i].name << ": " << results_[i].reason();
  }
  EXPECT_GE(right, servers.size() / 2);
}

// ---- Retry-After in every spelling --------------------------------------------------------------

TEST_F(FetchEngine, ReadsRetryAfterInEverySpelling) {
  struct Row {
    const char* text;
    bool known;
    std::uint64_t at_least;
  };
  const Row rows[] = {
      {"7", true, 7000},
      {"  7  ", true, 7000},
      {"0", true, 0},
      {"Sun, 06 Nov 1994 08:49:37 GMT", true, 0},
      {"Sunday, 06-Nov-94 08:49:37 GMT", true, 0},
      {"Sun Nov  6 08:49:37 1994", true, 0},
      {"Fri, 31 Dec 9999 23:59:59 GMT", true, 1'000'000'000},
      {"99999999999999999999999999", true, 1'000'000'000},
      {"-1", false, 0},
      {"1.5", false, 0},
      {"soon", false, 0},
      {"", false, 0},
  };
  for (const Row& row : rows) {
    ScriptedServer server(script_of(sends(response("429 Slow\r\nRetry-After: "s + row.text, ""))));
    const auto result = get(server.url("/"));
    EXPECT_EQ(result.error_class(), v1::HTTP_STATUS);
    EXPECT_EQ(result.has_retry_after_ms(), row.known) << row.text;
    EXPECT_GE(result.retry_after_ms(), row.at_least) << row.text;
  }
}

// ---- TLS ----------------------------------------------------------------------------------------

class HostileTls : public SecureFetch {
 protected:
  // Trusts `certificate`, so that its one flaw is what is judged.
  v1::FetchResult judged(const Certificate& certificate, const char* host = "127.0.0.1") {
    certificate.save((folder_ / "flawed.pem").string());
    ScriptedServer server(over_tls(certificate, script_of(sends(response("200 OK", "good")))));
    auto request =
        FetchEngine::request("https://"s + host + ":" + std::to_string(server.port()) + "/");
    v1::FetchSettings settings;
    settings.set_ca_file((folder_ / "flawed.pem").string());
    request.mutable_limits()->set_settings(settings.SerializeAsString());
    const auto result = run(request);
    EXPECT_TRUE(result.error_class() != v1::TLS || server.requests() == 0);
    return result;
  }
};

TEST_F(HostileTls, IsTakenWithoutAFlaw) {
  EXPECT_EQ(judged(Certificate()).outcome(), v1::FETCH_OK);
}

TEST_F(HostileTls, IsRefusedWhenItHasExpired) {
  const auto result = judged(Certificate(Validity{.from = -7200, .until = -3600}));
  EXPECT_EQ(result.error_class(), v1::TLS);
  EXPECT_NE(result.reason().find("expired"), std::string::npos) << result.reason();
}

TEST_F(HostileTls, IsRefusedWhenItIsNotValidYet) {
  EXPECT_EQ(judged(Certificate(Validity{.from = 3600, .until = 7200})).error_class(), v1::TLS);
}

TEST_F(HostileTls, IsRefusedForAnotherHost) {
  EXPECT_EQ(judged(Certificate(Validity{.name = "DNS:flags.example"})).error_class(), v1::TLS);
  EXPECT_EQ(judged(Certificate(), "localhost").error_class(), v1::TLS);
}

TEST_F(HostileTls, IsRefusedWhenNobodyVouchesForIt) {
  const Certificate other;
  ScriptedServer server(over_tls(other, good()));
  EXPECT_EQ(get(https(server, "/")).error_class(), v1::TLS);
}

TEST_F(HostileTls, IsRefusedWhenTheServerSpeaksPlainly) {
  for (const std::string& plain :
       {response("200 OK", "good"), "\0\1\2\3\4\5\6\7"s, "SSH-2.0\r\n"s}) {
    ScriptedServer speaking([plain](Peer& peer) {
      peer.send(plain);
      peer.hold();
    });
    EXPECT_EQ(get(https(speaking, "/")).error_class(), v1::TLS);
  }
}

TEST_F(HostileTls, IsResetWhenTheServerEndsTheHandshake) {
  ScriptedServer closing([](Peer& peer) { peer.close(); });
  ScriptedServer resetting([](Peer& peer) { peer.reset(); });
  for (const auto* server : {&closing, &resetting}) {
    const auto result = get(https(*server, "/"));
    EXPECT_TRUE(result.error_class() == v1::RESET || result.error_class() == v1::CONNECT)
        << v1::FetchClass_Name(result.error_class()) << ": " << result.reason();
  }
}

}  // namespace
}  // namespace flagship::fetch
