// SPDX-License-Identifier: MIT
// What a robots.txt allows (RFC 9309), and what becomes of those who wait for it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "master/fetch/robots.hpp"
#include "master/fetch/robots_gate.hpp"
#include "tests/unit/fetch_results.hpp"

namespace flagship::fetch {
namespace {

using testing::HasSubstr;
using testing::SizeIs;

bool allows(const std::string& file, const std::string& path) {
  return RobotsRules::read(file, "flagship").allows("http://host" + path);
}

TEST(Robots, AllowWhateverIsNotDisallowed) {
  EXPECT_TRUE(allows("", "/x"));
  EXPECT_TRUE(allows("User-agent: *\nDisallow:\n", "/x"));
  EXPECT_TRUE(allows("User-agent: *\nDisallow: /y\n", "/x"));
  EXPECT_FALSE(allows("User-agent: *\nDisallow: /\n", "/x"));
  EXPECT_FALSE(allows("User-agent: *\nDisallow: /\n", ""));
  EXPECT_FALSE(allows("User-agent: *\nDisallow: /\n", "?query"));
  EXPECT_TRUE(allows("Disallow: /\n", "/x")) << "a rule of no group";
}

TEST(Robots, FitABeginningOfPathAndQuery) {
  const std::string file = "User-agent: *\nDisallow: /fish\nDisallow: /a?b\n";
  for (const char* path :
       {"/fish", "/fish.html", "/fish/salmon", "/fishheads", "/fish?id=1", "/a?b=1", "/fish#there"})
    EXPECT_FALSE(allows(file, path)) << path;
  for (const char* path : {"/Fish", "/catfish", "/a", "/x#/fish"})
    EXPECT_TRUE(allows(file, path)) << path;
}

TEST(Robots, TakeStarsForAnythingAndADollarForTheEnd) {
  const std::string file =
      "User-agent: *\nDisallow: /*.php$\nDisallow: /a*b*c\nDisallow: /end$\nDisallow: *zz\n";
  for (const char* path : {"/x.php", "/a/b.php", "/a-b-c", "/abc/d", "/end", "/fizz"})
    EXPECT_FALSE(allows(file, path)) << path;
  for (const char* path : {"/x.php5", "/x.php?y", "/acb", "/end/", "/.ph"})
    EXPECT_TRUE(allows(file, path)) << path;
}

TEST(Robots, LetTheLongestRuleDecideAndOfTwoTheOneThatAllows) {
  EXPECT_TRUE(allows("User-agent: *\nDisallow: /p\nAllow: /page\n", "/page"));
  EXPECT_FALSE(allows("User-agent: *\nAllow: /p\nDisallow: /page\n", "/page"));
  EXPECT_TRUE(allows("User-agent: *\nDisallow: /page\nAllow: /page\n", "/page"));
  EXPECT_TRUE(allows("User-agent: *\nAllow: /page\nDisallow: /page\n", "/page"));
  EXPECT_FALSE(allows("User-agent: *\nAllow: /$\nDisallow: /\n", "/page"));
  EXPECT_TRUE(allows("User-agent: *\nAllow: /$\nDisallow: /\n", "/"));
}

TEST(Robots, HaveAGroupForOneRobotOrElseOneForAll) {
  const std::string file =
      "User-agent: other\nDisallow: /\n\nUser-agent: *\nDisallow: /all\n\n"
      "User-agent: Flagship/2.0\nDisallow: /us\n";
  EXPECT_FALSE(allows(file, "/us"));
  EXPECT_TRUE(allows(file, "/all"));
  EXPECT_TRUE(allows("User-agent: *\nDisallow: /\nUser-agent: flagship\nDisallow:\n", "/x"));
  EXPECT_TRUE(allows("User-agent: flagshipper\nDisallow: /\n", "/x"));
}

TEST(Robots, AddGroupsOfOneRobotUpAndLetSeveralShareOne) {
  const std::string file =
      "User-agent: flagship\nDisallow: /a\n\nUser-agent: other\nUser-agent: flagship\n"
      "Crawl-delay: 3\nDisallow: /b\n\nUser-agent: other\nDisallow: /c\n";
  EXPECT_FALSE(allows(file, "/a"));
  EXPECT_FALSE(allows(file, "/b"));
  EXPECT_TRUE(allows(file, "/c"));
}

TEST(Robots, ReadEveryLineEndCommentsAndBlanks) {
  EXPECT_FALSE(allows("\xEF\xBB\xBFuser-AGENT : *  # all\r\n\r\n  disallow\t:/x #why\r\n", "/x"));
  EXPECT_FALSE(allows("User-agent: *\rDisallow: /x\r", "/x"));
  EXPECT_FALSE(allows("User-agent: *\nnonsense\nSitemap: http://h/s\nDisallow: /x", "/x"));
}

TEST(Robots, CompareWhatIsEncodedWithWhatIsNot) {
  EXPECT_FALSE(allows("User-agent: *\nDisallow: /%7Ejoe\n", "/~joe"));
  EXPECT_FALSE(allows("User-agent: *\nDisallow: /~joe\n", "/%7ejoe"));
  EXPECT_FALSE(allows("User-agent: *\nDisallow: /\xE3\x83\x84\n", "/%e3%83%84"));
  EXPECT_TRUE(allows("User-agent: *\nDisallow: /a%2Fb\n", "/a/b"));
  EXPECT_TRUE(allows("User-agent: *\nDisallow: /a%\n", "/a")) << "a lone percent sign";
}

TEST(Robots, MayAlwaysBeAskedFor) {
  EXPECT_TRUE(allows("User-agent: *\nDisallow: /\n", "/robots.txt"));
}

TEST(Robots, BeyondTheirFirstPartAreNotHeeded) {
  const std::string file(RobotsRules::kMostBytes, '\n');
  EXPECT_TRUE(allows(file + "User-agent: *\nDisallow: /\n", "/x"));
}

TEST(Robots, KnowARobotByTheFirstWordOfItsUserAgent) {
  EXPECT_EQ(robot_name("flagship/0.1.0"), "flagship");
  EXPECT_EQ(robot_name(" My-Bot_x (+http://me)"), "my-bot_x");
  EXPECT_EQ(robot_name("(none)"), "");
}

// ---- those who wait -----------------------------------------------------------------------------

class Gate : public testing::Test {
 protected:
  Item item(const std::string& path) const { return {0, path, origin_ + path, {}, {}}; }

  /// What becomes of `/x` after this answer.
  std::optional<RobotsGate::Refusal> after(const v1::FetchResult& result) const {
    RobotsGate gate("flagship");
    gate.wait(origin_, item("/x"));
    gate.answered(origin_, result);
    return gate.refusal(origin_, origin_ + "/x");
  }

  const std::string origin_ = "http://host:80";
};

TEST_F(Gate, AsksEachOriginOnceAndKeepsItsItems) {
  RobotsGate gate("flagship");
  EXPECT_FALSE(gate.knows(origin_));
  EXPECT_TRUE(gate.wait(origin_, item("/a")));
  EXPECT_FALSE(gate.wait(origin_, item("/b")));
  EXPECT_TRUE(gate.wait("http://other:80", item("/c")));
  EXPECT_EQ(gate.waiting(), 3u);
  EXPECT_THAT(gate.answered(origin_, not_found()), SizeIs(2));
  EXPECT_TRUE(gate.knows(origin_));
  EXPECT_EQ(gate.waiting(), 1u);
  EXPECT_THAT(gate.give_up("http://other:80"), SizeIs(1));
  EXPECT_EQ(gate.waiting(), 0u);
  EXPECT_FALSE(gate.knows("http://other:80"));
}

TEST_F(Gate, TakesAFileThatIsNotThereForLeave) {
  EXPECT_FALSE(after(not_found()));
  for (const unsigned status : {204u, 400u, 401u, 403u, 451u})
    EXPECT_FALSE(after(answered(status))) << status;
  EXPECT_FALSE(after(failed(v1::REDIRECT, 302)));
}

TEST_F(Gate, TakesAFileThatCannotBeHadForNoLeave) {
  for (const unsigned status : {408u, 425u, 429u, 500u, 503u})
    EXPECT_EQ(after(answered(status)).value().error_class, v1::HTTP_STATUS) << status;
  for (const auto why : {v1::DNS, v1::CONNECT, v1::TIMEOUT, v1::TLS, v1::TOO_LARGE}) {
    const auto refusal = after(failed(why));
    ASSERT_TRUE(refusal);
    EXPECT_EQ(refusal->error_class, why);
    EXPECT_THAT(refusal->reason, HasSubstr("its robots.txt cannot be had"));
  }
}

TEST_F(Gate, HeedsTheFile) {
  v1::FetchResult file = ok();
  file.set_body("User-agent: flagship\nDisallow: /x\n");
  EXPECT_EQ(after(file).value().error_class, v1::REFUSED_ROBOTS);
  file.set_body("User-agent: flagship\nDisallow: /y\n");
  EXPECT_FALSE(after(file));
}

TEST_F(Gate, ForgetsTheOldestOfVeryManyOrigins) {
  RobotsGate gate("flagship");
  for (int i = 0; i < 20'000; ++i) {
    const std::string origin = "http://h" + std::to_string(i) + ":80";
    gate.wait(origin, item("/"));
    gate.answered(origin, not_found());
  }
  EXPECT_FALSE(gate.knows("http://h0:80"));
  EXPECT_TRUE(gate.knows("http://h19999:80"));
}

}  // namespace
}  // namespace flagship::fetch
