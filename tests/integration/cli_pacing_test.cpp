// SPDX-License-Identifier: MIT
// Limits, rates and pauses of origins, as the servers see them.
#include <signal.h>

#include <array>
#include <ctime>

#include "tests/integration/cli_fixture.hpp"
#include "tests/support/many_origins.hpp"

namespace flagship::testing {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Ge;
using ::testing::HasSubstr;
using ::testing::Le;
using ::testing::Not;
using ::testing::SizeIs;
using Clock = ManyOrigins::Clock;
using Reply = ManyOrigins::Reply;
using Visit = ManyOrigins::Visit;

/// What may pass between an answer and the master's hearing of it, on a busy machine.
constexpr auto kHeard = 700ms;

ManyOrigins::Answer after(std::chrono::milliseconds time) {
  return [time](const Visit&) { return Reply{.after = time}; };
}

class Pacing : public CliTest {
 protected:
  /// Each of the URLs `times`, first all of the first one.
  std::string list_of(const std::vector<std::string>& urls, int times) const {
    std::string list;
    for (const std::string& url : urls)
      for (int i = 0; i < times; ++i) list += url + "/" + std::to_string(i) + "\n";
    return list;
  }
  Words fetch(const std::string& list, const Words& more, const std::string& workers = "4") const {
    write("urls.txt", list);
    Words arguments{"fetch",  "--from", "urls.txt", "--sink",         "none",
                    "--json", "-w",     workers,    "--allow-private"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
  }
  static std::size_t ok_lines(const Ended& ended) {
    std::size_t ok = 0;
    for (const Json& line : json_lines(ended.out)) ok += line["outcome"] == "ok" ? 1 : 0;
    return ok;
  }
};

TEST_F(Pacing, TwoThousandOriginsNeverSeeThreeAtOnce) {
  constexpr std::size_t kOrigins = 2000;
  ManyOrigins servers(after(20ms), 4);
  std::vector<std::string> urls;
  for (std::size_t i = 0; i < kOrigins; ++i) urls.push_back(servers.url(i));
  const Ended ended = flagship(fetch(list_of(urls, 4), {"--per-origin", "2", "-m", "4000"}));
  EXPECT_EQ(ended.exit_code, 0) << ended.err;
  EXPECT_EQ(ok_lines(ended), 4 * kOrigins);
  std::map<std::string, std::size_t> visits;
  std::size_t most = 0;
  for (const Visit& visit : servers.log()) {
    ++visits[visit.origin];
    most = std::max(most, visit.at_once);
  }
  EXPECT_EQ(visits.size(), kOrigins);
  EXPECT_EQ(most, 2u);
  std::set<int> workers;
  for (const Json& line : json_lines(ended.out)) workers.insert(line["worker"].get<int>());
  EXPECT_THAT(workers, SizeIs(4));
}

TEST_F(Pacing, TheLimitOfTheWholeRunHoldsOverAllOrigins) {
  std::size_t here = 0, most = 0;
  ManyOrigins servers(after(20ms));
  std::vector<std::string> urls;
  for (std::size_t i = 0; i < 50; ++i) urls.push_back(servers.url(i));
  EXPECT_EQ(flagship(fetch(list_of(urls, 4), {"-m", "7"})).exit_code, 0);
  std::map<Clock::time_point, int> changes;
  for (const Visit& visit : servers.log()) ++changes[visit.came], --changes[visit.left];
  for (const auto& [time, change] : changes) {
    here = static_cast<std::size_t>(static_cast<int>(here) + change);
    most = std::max(most, here);
  }
  EXPECT_EQ(most, 7u);
}

// The answer is parsed in a worker that has more for the same origin in its queue, and others have.
TEST_F(Pacing, ARetryAfterInSecondsKeepsAllWorkersAwayFromItsOriginAndFromNoOther) {
  Clock::time_point asked{};
  std::string busy;
  ManyOrigins servers([&](const Visit& visit) {
    if (visit.origin != busy || visit.number != 200) return Reply{};
    asked = Clock::now();
    return Reply{.head = "429 Slow Down\r\nRetry-After: 2"};
  });
  busy = servers.origin(0);
  const Ended ended =
      flagship(fetch(list_of({servers.url(0), servers.url(1)}, 3000), {"-m", "16"}));
  EXPECT_EQ(ended.exit_code, 0) << ended.err;
  EXPECT_EQ(ok_lines(ended), 6000u);
  std::size_t in_time = 0, in_flight = 0;
  for (const Visit& visit : servers.log_of(busy)) {
    if (visit.came <= asked) continue;
    if (visit.came < asked + kHeard)
      ++in_flight;
    else
      EXPECT_GE(visit.came, asked + 2s);
    ++in_time;
  }
  EXPECT_EQ(in_time, 2801u);
  EXPECT_LE(in_flight, 800u) << "thousands would have been answered meanwhile";
  std::size_t others = 0;
  for (const Visit& visit : servers.log_of(servers.origin(1)))
    others += visit.came > asked && visit.came < asked + 2s ? 1 : 0;
  EXPECT_GT(others, 0u);
}

TEST_F(Pacing, OneWorkerAsksNothingMoreFromTheMomentAtWhichTheAnswerCame) {
  Clock::time_point asked{};
  ManyOrigins servers([&](const Visit& visit) {
    if (visit.number != 100) return Reply{};
    asked = Clock::now();
    return Reply{.head = "503 Busy\r\nRetry-After: 2"};
  });
  const Ended ended = flagship(fetch(list_of({servers.url(0)}, 2000), {"-m", "1"}, "1"));
  EXPECT_EQ(ok_lines(ended), 2000u);
  const auto visits = servers.log();
  ASSERT_THAT(visits, SizeIs(2001));
  EXPECT_GE(visits[100].came, asked + 2s);
}

TEST_F(Pacing, ARetryAfterMayBeADate) {
  Clock::time_point asked{};
  ManyOrigins servers([&](const Visit& visit) {
    if (visit.number != 5) return Reply{};
    asked = Clock::now();
    const std::time_t then = std::time(nullptr) + 3;
    std::array<char, 64> date{};
    std::strftime(date.data(), date.size(), "%a, %d %b %Y %H:%M:%S GMT", std::gmtime(&then));
    return Reply{.head = std::string("429 Slow Down\r\nRetry-After: ") + date.data()};
  });
  const Ended ended = flagship(fetch(list_of({servers.url(0)}, 500), {"-m", "4"}));
  EXPECT_EQ(ok_lines(ended), 500u);
  for (const Visit& visit : servers.log()) {
    if (visit.came > asked + kHeard) {
      EXPECT_GE(visit.came, asked + 2s);  // the third second had begun
    }
  }
}

TEST_F(Pacing, ARetryAfterOfEachAnswerIsHeeded) {
  std::map<std::string, Clock::time_point> until;
  std::size_t early = 0;
  ManyOrigins servers([&](const Visit& visit) {
    if (visit.came < until[visit.origin]) ++early;
    if (visit.number % 20 != 0) return Reply{};
    until[visit.origin] = Clock::now() + 1s;
    return Reply{.head = "429 Slow Down\r\nRetry-After: 1"};
  });
  const Ended ended = flagship(fetch(list_of({servers.url(0), servers.url(1), servers.url(2)}, 60),
                                     {"-m", "3", "--per-origin", "1"}));
  EXPECT_EQ(ok_lines(ended), 180u);
  EXPECT_EQ(early, 0u) << "with one at a time none can be in flight";
}

TEST_F(Pacing, ARateIsHeldForEachOriginOverAllWorkers) {
  ManyOrigins servers(after(1ms));
  const Ended ended =
      flagship(fetch(list_of({servers.url(0), servers.url(1)}, 40), {"--rate", "20"}));
  EXPECT_EQ(ok_lines(ended), 80u);
  for (const std::size_t number : {0u, 1u}) {
    const auto visits = servers.log_of(servers.origin(number));
    ASSERT_THAT(visits, SizeIs(40));
    EXPECT_GE(visits.back().came - visits.front().came, 1700ms);
    // In no second more than 20, the burst of a tenth of a second, and what was late.
    for (std::size_t i = 0; i + 26 < visits.size(); ++i)
      EXPECT_GE(visits[i + 26].came - visits[i].came, 1s) << i;
  }
}

TEST_F(Pacing, ARateOfTheWholeRunIsHeldOverAllOriginsAndWorkers) {
  ManyOrigins servers(after(1ms));
  std::vector<std::string> urls;
  for (std::size_t i = 0; i < 8; ++i) urls.push_back(servers.url(i));
  const Ended ended = flagship(fetch(list_of(urls, 5), {"--total-rate", "20"}));
  EXPECT_EQ(ok_lines(ended), 40u);
  const auto visits = servers.log();
  ASSERT_THAT(visits, SizeIs(40));
  // It takes two seconds, but for the time in which the workers came to be.
  EXPECT_GE(visits.back().came - visits.front().came, 1s);
}

TEST_F(Pacing, ADeadOriginDoesNotHoldUpTheOthers) {
  std::string dead;
  ManyOrigins servers([&](const Visit& visit) { return Reply{.never = visit.origin == dead}; });
  dead = servers.origin(0);
  std::vector<std::string> urls;
  for (std::size_t i = 0; i < 10; ++i) urls.push_back(servers.url(i));
  Program program(command(fetch(list_of(urls, 100), {"-m", "8", "--timeout", "1m"})));
  ASSERT_TRUE(wait_until([&] { return lines_of(program.out()).size() >= 900; })) << program.err();
  EXPECT_THAT(servers.log_of(dead).size(), Le(8u)) << "they all hang, and nothing timed out yet";
  for (std::size_t i = 1; i < 10; ++i) EXPECT_THAT(servers.log_of(servers.origin(i)), SizeIs(100));
  EXPECT_TRUE(wait_until([&] {
    program.signal(SIGTERM);
    return !program.running();
  }));
}

TEST_F(Pacing, AWorkersDeathLeavesTheLimitsAsTheyAre) {
  ManyOrigins servers(after(5ms));
  std::vector<std::string> urls;
  for (std::size_t i = 0; i < 20; ++i) urls.push_back(servers.url(i));
  Program program(command(fetch(list_of(urls, 100), {"--per-origin", "2", "-m", "24"})));
  for (const std::size_t visits : {200u, 500u, 800u}) {
    ASSERT_TRUE(wait_until([&] { return servers.log().size() >= visits; })) << program.err();
    const auto workers = program.workers();
    ASSERT_FALSE(workers.empty());
    ::kill(workers.front().pid, SIGKILL);
  }
  const Ended ended = program.wait();
  EXPECT_EQ(ended.exit_code, 0) << ended.err;
  EXPECT_EQ(ok_lines(ended), 2000u);
  for (const Visit& visit : servers.log()) EXPECT_LE(visit.at_once, 2u) << visit.origin;
}

TEST_F(Pacing, AnOverloadedServerIsAskedLessAtOnceAndItIsSaid) {
  ManyOrigins servers([](const Visit& visit) {
    return Reply{.head = visit.at_once > 4 ? "503 Busy" : "200 OK", .after = 40ms};
  });
  write("urls.txt", list_of({servers.url(0)}, 300));
  const Ended ended = flagship({"fetch", "--from", "urls.txt", "--sink", "none", "-v", "-w", "4",
                                "--allow-private", "--retries", "30", "-m", "32"});
  EXPECT_EQ(ended.exit_code, 0) << ended.err;
  EXPECT_THAT(ended.err, HasSubstr("http://" + servers.origin(0) + ": too much at once, now "));
  const auto visits = servers.log();
  std::size_t refused = 0;
  for (std::size_t i = visits.size() / 2; i < visits.size(); ++i)
    refused += visits[i].at_once > 4 ? 1 : 0;
  EXPECT_LE(refused, visits.size() / 6) << "of " << visits.size();
}

TEST_F(Pacing, TooManyErrorsEndTheRunEarly) {
  ManyOrigins servers([](const Visit&) { return Reply{.head = "403 Forbidden"}; });
  const Ended ended =
      flagship(fetch(list_of({servers.url(0)}, 5000), {"--max-errors", "10", "-m", "4"}));
  EXPECT_EQ(ended.exit_code, 1);
  EXPECT_THAT(json_lines(ended.out).size(), AllOf(Ge(11u), Le(1000u)));
  EXPECT_THAT(ended.err, HasSubstr("Stopped early: "));
  EXPECT_THAT(ended.err, Not(HasSubstr("Interrupted")));
  const Ended share =
      flagship(fetch(list_of({servers.url(0)}, 5000), {"--max-errors", "50%", "-m", "4"}));
  EXPECT_THAT(json_lines(share.out).size(), AllOf(Ge(100u), Le(1000u)));
  const Ended none =
      flagship(fetch(list_of({servers.url(0)}, 20), {"--max-errors", "20", "-m", "4"}));
  EXPECT_EQ(none.exit_code, 1);
  EXPECT_THAT(json_lines(none.out), SizeIs(20));
  EXPECT_THAT(none.err, Not(HasSubstr("Stopped early")));
}

}  // namespace
}  // namespace flagship::testing
