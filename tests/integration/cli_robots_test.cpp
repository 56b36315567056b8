// SPDX-License-Identifier: MIT
// `flagship fetch --robots`: what servers ask of robots.
#include <map>
#include <mutex>

#include "tests/integration/cli_fixture.hpp"
#include "tests/support/scripted_server.hpp"

namespace flagship::testing {
namespace {

using ::testing::HasSubstr;

class Robots : public CliTest {
 protected:
  Ended fetch(Words more) {
    more.insert(more.begin(), {"fetch", "--from", "l.txt", "--allow-private", "--json"});
    return flagship(std::move(more));
  }

  int asked(const std::string& path) {
    const std::lock_guard lock(mutex_);
    return asked_[path];
  }

  std::mutex mutex_;
  std::map<std::string, int> asked_;
  std::string rules_ = "User-agent: *\nDisallow: /no/\nAllow: /no/yes\nUser-agent: me\nDisallow:\n";
  const ScriptedServer server_{each_request([this](Peer& peer, const std::string& request) {
    const std::string path = request.substr(4, request.find(" HTTP") - 4);
    {
      const std::lock_guard lock(mutex_);
      ++asked_[path];
    }
    peer.send(path == "/robots.txt" ? response("200 OK\r\nContent-Type: text/plain", rules_)
              : path == "/tagged"   ? response("200 OK\r\nX-Robots-Tag: noai", "GIF89a")
                                    : response("200 OK", "GIF89a"));
  })};
};

TEST_F(Robots, AreHeededOnRequestAndTheirFileIsAskedForOnce) {
  std::string lines;
  for (const std::string path : {"/a", "/no/b", "/no/yes", "/tagged", "/no/c"})
    lines += server_.url(path) + "\n";
  for (int i = 0; i < 200; ++i) lines += server_.url("/") + std::to_string(i) + "\n";
  write("l.txt", lines);
  for (const std::string& executor : kExecutors) {
    asked_.clear();
    const Ended ended =
        fetch({"--robots", "-x", executor, "-o", executor, "-w", "2", "--accept-type", "image/*"});
    EXPECT_EQ(ended.exit_code, 1) << ended.err;
    const auto items = by_key(ended.out);
    for (const std::string key : {"b", "c", "tagged"}) {
      EXPECT_EQ(items.at(key)["class"], "refused_robots") << key;
      EXPECT_EQ(items.at(key)["attempts"], key == "tagged" ? 1 : 0) << key;
    }
    EXPECT_EQ(items.at("yes")["outcome"], "ok");
    EXPECT_THAT(ended.err, HasSubstr("202 files downloaded.\n  3 errors.\n"));
    EXPECT_EQ(asked("/robots.txt"), 1);
    EXPECT_EQ(asked("/no/b"), 0);
  }
}

TEST_F(Robots, AreNotAskedAboutOtherwise) {
  write("l.txt", server_.url("/no/b") + "\n" + server_.url("/tagged") + "\n");
  EXPECT_EQ(fetch({}).exit_code, 0);
  EXPECT_EQ(asked("/robots.txt"), 0);
}

TEST_F(Robots, AreKnownByTheNameThatTheyGive) {
  write("l.txt", server_.url("/no/b") + "\n");
  EXPECT_EQ(fetch({"--robots", "-H", "User-Agent: Me/1.0 (mail@me.example)"}).exit_code, 0);
  EXPECT_EQ(fetch({"--robots", "-H", "User-Agent: you"}).exit_code, 1);
}

}  // namespace
}  // namespace flagship::testing
