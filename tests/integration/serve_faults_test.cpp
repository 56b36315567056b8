// SPDX-License-Identifier: MIT
// The practice server where it is told to fail.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

#include "tests/integration/serve_fixture.hpp"

namespace flagship::serve {
namespace {

using std::chrono::steady_clock;
using testing::Each;
using testing::IsEmpty;
using testing::StartsWith;

std::vector<int> statuses(const Server& server, int requests) {
  Client client(server.port());
  std::vector<int> seen;
  for (int i = 0; i < requests; ++i) seen.push_back(client.ask(get("/flags/br/br.gif")).status());
  return seen;
}

TEST_F(ServedFaults, NothingFailsUnlessAsked) {
  const Server server(options_);
  EXPECT_THAT(statuses(server, 500), Each(200));
}

TEST_F(ServedFaults, ARateWithoutAFaultMakesATeapot) {
  options_.error_rate = 1;
  const Server server(options_);
  const Answer answer = ask(server, get("/flags/br/br.gif"));
  EXPECT_THAT(answer.head, StartsWith("HTTP/1.1 418 I'm a Teapot\r\n"));
  EXPECT_THAT(statuses(server, 500), Each(418));
}

TEST_F(ServedFaults, AFaultWithoutARateHitsEveryRequest) {
  options_.fault = parse_fault("status:503");
  const Server server(options_);
  EXPECT_THAT(statuses(server, 500), Each(503));
}

TEST_F(ServedFaults, ARateIsTheShareOfRequestsThatFail) {
  options_.error_rate = 0.25;
  const Server server(options_);
  const std::vector<int> seen = statuses(server, 2000);
  // 500 expected; 200 away is ten standard deviations.
  const auto failed = std::count(seen.begin(), seen.end(), 418);
  EXPECT_GT(failed, 300);
  EXPECT_LT(failed, 700);
  EXPECT_EQ(std::count(seen.begin(), seen.end(), 200), 2000 - failed);
}

TEST_F(ServedFaults, NotFoundFailsLikeAnyOther) {
  options_.fault = parse_fault("status:500");
  const Server server(options_);
  EXPECT_EQ(ask(server, get("/flags/zz/zz.gif")).status(), 500);
}

TEST_F(ServedFaults, StatusIsOneOfThoseGivenAtRandom) {
  options_.fault = parse_fault("status:418,503,599");
  const Server server(options_);
  const std::vector<int> seen = statuses(server, 500);
  EXPECT_EQ(std::set<int>(seen.begin(), seen.end()), (std::set<int>{418, 503, 599}));
}

TEST_F(ServedFaults, StatusesWithoutABodyHaveNone) {
  options_.fault = parse_fault("status:204,304");
  const Server server(options_);
  Client client(server.port());
  for (int i = 0; i < 20; ++i) {
    const Answer answer = client.ask(get("/flags/br/br.gif"));
    EXPECT_THAT(answer.status(), testing::AnyOf(204, 304));
    EXPECT_THAT(answer.header("Content-Length"), IsEmpty());
  }
}

TEST_F(ServedFaults, AnInterimStatusIsAllThatComes) {
  options_.fault = parse_fault("status:100");
  const Server server(options_);
  Client client(server.port());
  client.send(get("/flags/br/br.gif"));
  EXPECT_EQ(client.receive_to_end(), "HTTP/1.1 100 Continue\r\n\r\n");
  EXPECT_EQ(client.end(), 0);
}

TEST_F(ServedFaults, ResetBreaksTheConnectionWithoutAnAnswer) {
  options_.fault = parse_fault("reset");
  const Server server(options_);
  Client client(server.port());
  client.send(get("/flags/br/br.gif"));
  EXPECT_THAT(client.receive_to_end(), IsEmpty());
  EXPECT_EQ(client.end(), ECONNRESET);
}

TEST_F(ServedFaults, TruncatePromisesTheWholeAndSendsHalf) {
  options_.fault = parse_fault("truncate");
  const Server server(options_);
  Client client(server.port());
  client.send(get("/flags/br/br.gif"));
  EXPECT_EQ(client.receive_head().length(), kBrazil.size());
  EXPECT_EQ(client.receive_to_end(), kBrazil.substr(0, kBrazil.size() / 2));
  EXPECT_EQ(client.end(), 0);
}

TEST_F(ServedFaults, SlowTakesItsTimeAndSendsAll) {
  options_.fault = parse_fault("slow");
  const Server server(options_);
  Client client(server.port());
  const auto start = steady_clock::now();
  EXPECT_EQ(client.ask(get("/flags/br/br.gif")).body, kBrazil);
  EXPECT_GE(steady_clock::now() - start, 400ms);
  EXPECT_EQ(client.ask(get("/flags/cn/cn.gif")).body, kChina);
}

TEST_F(ServedFaults, AfterABrokenConnectionTheNextOneWorks) {
  options_.fault = parse_fault("reset");
  options_.error_rate = 0.5;
  const Server server(options_);
  const auto works = [&] {
    Client client(server.port());
    client.send(get("/flags/br/br.gif", "Connection: close\r\n"));
    return client.receive_to_end().ends_with(kBrazil);
  };
  EXPECT_TRUE(wait_until([&] { return !works(); }));
  EXPECT_TRUE(wait_until(works));
}

TEST_F(ServedFaults, OptionsThatContradictThemselvesAreRefused) {
  Options backwards = options_;
  backwards.delay_min = 1s;
  EXPECT_THROW(Server{backwards}, std::invalid_argument);
  Options eager = options_;
  eager.error_rate = 1.5;
  EXPECT_THROW(Server{eager}, std::invalid_argument);
  Options mute = options_;
  mute.fault.kind = Fault::Kind::status;
  EXPECT_THROW(Server{mute}, std::invalid_argument);
}

}  // namespace
}  // namespace flagship::serve
