// SPDX-License-Identifier: MIT
// Bodies that are cut off, and attempts that go on where they ended.
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "tests/integration/fetch_engine_fixture.hpp"
#include "tests/support/scripted_server.hpp"

namespace flagship::fetch {
namespace {

namespace fs = std::filesystem;
using flagship::testing::each_request;
using flagship::testing::Peer;
using flagship::testing::response;
using flagship::testing::ScriptedServer;

std::string numbers(std::size_t size) {
  std::string text;
  for (int i = 0; text.size() < size; ++i) text += std::to_string(i) + ",";
  text.resize(size);
  return text;
}

/// A file on a server: what is sent for a request, and how far it comes.
struct Origin {
  std::string body = numbers(1'000'000);
  std::string fields = "ETag: \"1\"";
  std::size_t cut = 400'000;  // bytes of the first answer
  std::string answer;         // to the second request, when not empty
};

class FetchResume : public FetchEngine {
 protected:
  // Cuts the first answer short; answers ranges after that.
  ScriptedServer::Script script(const Origin& origin) {
    return each_request([this, origin](Peer& peer, const std::string& request) {
      heads_.push_back(request);
      const std::string head = "HTTP/1.1 200 OK\r\n" + origin.fields +
                               "\r\nContent-Length: " + std::to_string(origin.body.size()) +
                               "\r\n\r\n";
      if (heads_.size() == 1) {
        peer.send(head + origin.body.substr(0, origin.cut));
        return peer.close();
      }
      if (heads_.size() == 2 && !origin.answer.empty()) return void(peer.send(origin.answer));
      const auto at = request.find("Range: bytes=");
      if (at == std::string::npos) return void(peer.send(head + origin.body));
      const std::size_t first = std::stoul(request.substr(at + 13));
      peer.send(response("206 Partial Content\r\n" + origin.fields + "\r\nContent-Range: bytes " +
                             std::to_string(first) + "-" + std::to_string(origin.body.size() - 1) +
                             "/" + std::to_string(origin.body.size()),
                         origin.body.substr(first)));
    });
  }

  v1::FetchRequest resumable(const std::string& url) const {
    auto request = FetchEngine::request(url);
    request.mutable_limits()->set_keep_partial_bytes(64 * 1024);
    request.set_resume(true);
    return request;
  }

  bool asked_for_a_range(std::size_t request) const {
    return heads_.at(request).find("Range: bytes=") != std::string::npos;
  }

  std::size_t kept() const {
    std::size_t bytes = 0;
    for (const auto& entry : fs::directory_iterator(folder_))
      if (entry.path().extension() == ".part") bytes = fs::file_size(entry.path());
    return bytes;
  }

  void expect_whole(const v1::FetchResult& result, const Origin& origin) {
    EXPECT_EQ(result.outcome(), v1::FETCH_OK) << result.reason();
    EXPECT_EQ(result.bytes(), origin.body.size());
    EXPECT_EQ(result.sha256(), sha256(origin.body));
    EXPECT_EQ(content(folder_ / "file"), origin.body);
    for (const auto& entry : fs::directory_iterator(folder_))
      EXPECT_EQ(entry.path().filename(), "file");
  }

  std::vector<std::string> heads_;
};

TEST_F(FetchResume, GoesOnWhereTheAttemptBeforeItWasCutOff) {
  const Origin origin;
  ScriptedServer server(script(origin));
  EXPECT_EQ(run(resumable(server.url("/"))).error_class(), v1::TRUNCATED);
  EXPECT_FALSE(fs::exists(folder_ / "file"));
  EXPECT_EQ(kept(), 400'000u);
  const auto result = run(resumable(server.url("/")));
  expect_whole(result, origin);
  EXPECT_EQ(result.resumed_from(), 400'000u);
  EXPECT_NE(heads_.at(1).find("Range: bytes=400000-\r\n"), std::string::npos) << heads_[1];
  EXPECT_NE(heads_.at(1).find("If-Range: \"1\"\r\n"), std::string::npos) << heads_[1];
}

TEST_F(FetchResume, GoesOnInAnotherWorkerToo) {
  const Origin origin;
  ScriptedServer server(script(origin));
  run(resumable(server.url("/")));
  engine_ = std::make_unique<Engine>(
      8, [this](std::uint64_t token, v1::FetchResult&& result) { done(token, std::move(result)); });
  expect_whole(run(resumable(server.url("/"))), origin);
}

TEST_F(FetchResume, GoesOnWithWhatWasStillInMemory) {
  Origin origin;
  origin.cut = 100'000;
  ScriptedServer server(script(origin));
  run(resumable(server.url("/")));
  EXPECT_EQ(kept(), 100'000u);
  expect_whole(run(resumable(server.url("/"))), origin);
}

TEST_F(FetchResume, KeepsNothingThatIsSmall) {
  Origin origin;
  origin.cut = 60'000;
  ScriptedServer server(script(origin));
  run(resumable(server.url("/")));
  EXPECT_TRUE(fs::is_empty(folder_));
  expect_whole(run(resumable(server.url("/"))), origin);
  EXPECT_FALSE(asked_for_a_range(1));
}

TEST_F(FetchResume, KeepsNothingThatNobodyAskedToKeep) {
  const Origin origin;
  ScriptedServer server(script(origin));
  get(server.url("/"));
  EXPECT_TRUE(fs::is_empty(folder_));
}

TEST_F(FetchResume, BeginsAnewWhenItIsNotToldThatThereIsAPart) {
  const Origin origin;
  ScriptedServer server(script(origin));
  run(resumable(server.url("/")));
  auto fresh = resumable(server.url("/"));
  fresh.set_resume(false);
  expect_whole(run(fresh), origin);
  EXPECT_FALSE(asked_for_a_range(1));
}

TEST_F(FetchResume, NeedsAValidatorThatIsOfThisVeryBody) {
  for (const std::string fields :
       {"X: y", "ETag: W/\"1\"", "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT",
        "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT"}) {
    Origin origin;
    origin.fields = fields;
    ScriptedServer server(script(origin));
    heads_.clear();
    run(resumable(server.url("/")));
    EXPECT_EQ(kept(), 0u) << fields;
  }
}

TEST_F(FetchResume, TakesATimeOfChangeForAValidatorWhenItIsOldEnough) {
  Origin origin;
  origin.fields =
      "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\nDate: Sun, 06 Nov 1994 08:49:39 GMT";
  ScriptedServer server(script(origin));
  run(resumable(server.url("/")));
  expect_whole(run(resumable(server.url("/"))), origin);
  EXPECT_NE(heads_.at(1).find("If-Range: Sun, 06 Nov 1994 08:49:37 GMT\r\n"), std::string::npos);
}

TEST_F(FetchResume, TakesTheWholeWhenTheFileHasChanged) {
  Origin origin;
  const std::string changed = numbers(200'000) + "changed";
  origin.answer = response("200 OK\r\nETag: \"2\"", changed);
  ScriptedServer server(script(origin));
  run(resumable(server.url("/")));
  const auto result = run(resumable(server.url("/")));
  origin.body = changed;
  expect_whole(result, origin);
  EXPECT_EQ(result.resumed_from(), 0u);
}

TEST_F(FetchResume, AsksForTheWholeWhenThePartIsOfNoUse) {
  const std::string part = "206 Partial Content\r\n";
  for (const std::string& answer :
       {response("416 Range Not Satisfiable\r\nContent-Range: bytes */9", ""),
        response("412 Precondition Failed", "no"),
        response(part + "Content-Range: bytes 1-999999/1000000", "another part"),
        response(part + "Content-Range: bytes 400000-400009/1000000", "ten bytes."),
        response(part + "Content-Range: bytes 400000-999999/1000000", "too few"),
        response(part + "Content-Range: nonsense", "x"),
        response(part + "ETag: \"2\"\r\nContent-Range: bytes 400000-999999/1000000",
                 std::string(600'000, 'x')),
        response("206 Partial Content", "no range at all")}) {
    Origin origin;
    origin.answer = answer;
    ScriptedServer server(script(origin));
    heads_.clear();
    fs::remove(folder_ / "file");
    run(resumable(server.url("/")));
    expect_whole(run(resumable(server.url("/"))), origin);
    EXPECT_EQ(heads_.size(), 3u) << answer.substr(0, 100);
    EXPECT_FALSE(asked_for_a_range(2));
  }
}

TEST_F(FetchResume, KeepsThePartWhileTheServerIsBusy) {
  Origin origin;
  origin.answer = response("503 Busy", "");
  ScriptedServer server(script(origin));
  run(resumable(server.url("/")));
  EXPECT_EQ(run(resumable(server.url("/"))).error_class(), v1::HTTP_STATUS);
  EXPECT_EQ(kept(), 400'000u);
  expect_whole(run(resumable(server.url("/"))), origin);
  EXPECT_TRUE(asked_for_a_range(2));
}

TEST_F(FetchResume, KeepsMoreWhenTheRestIsCutOffToo) {
  Origin origin;
  origin.answer =
      "HTTP/1.1 206 Partial Content\r\nETag: \"1\"\r\nContent-Length: 600000\r\n"
      "Content-Range: bytes 400000-999999/1000000\r\n\r\n" +
      origin.body.substr(400'000, 100'000);
  ScriptedServer server([&, script = script(origin)](Peer& peer) {
    if (heads_.size() < 1) return script(peer);
    if (heads_.size() == 1) {
      heads_.push_back(*peer.request());
      peer.send(origin.answer);
      return;
    }
    script(peer);
  });
  run(resumable(server.url("/")));
  EXPECT_EQ(run(resumable(server.url("/"))).error_class(), v1::TRUNCATED);
  EXPECT_EQ(kept(), 500'000u);
  expect_whole(run(resumable(server.url("/"))), origin);
  EXPECT_NE(heads_.back().find("Range: bytes=500000-"), std::string::npos);
}

TEST_F(FetchResume, TrustsNoPartOfAnotherUrl) {
  const Origin origin;
  ScriptedServer server(script(origin));
  run(resumable(server.url("/")));
  expect_whole(run(resumable(server.url("/other"))), origin);
  EXPECT_FALSE(asked_for_a_range(1));
}

TEST_F(FetchResume, TrustsNoPartWhoseNoteIsNotWhole) {
  const Origin origin;
  ScriptedServer server(script(origin));
  run(resumable(server.url("/")));
  for (const auto& entry : fs::directory_iterator(folder_))
    if (entry.path().extension() == ".note") fs::resize_file(entry.path(), 20);
  expect_whole(run(resumable(server.url("/"))), origin);
  EXPECT_FALSE(asked_for_a_range(1));
}

TEST_F(FetchResume, RemovesAPartWhoseWholeHasAnotherChecksum) {
  const Origin origin;
  ScriptedServer server(script(origin));
  run(resumable(server.url("/")));
  auto checked = resumable(server.url("/"));
  checked.set_expected_sha256(sha256("another"));
  EXPECT_EQ(run(checked).error_class(), v1::BAD_CHECKSUM);
  EXPECT_TRUE(fs::is_empty(folder_));
}

TEST_F(FetchResume, CountsAllOfABodyThatComesInTwoParts) {
  const Origin origin;
  ScriptedServer server(script(origin));
  run(resumable(server.url("/")));
  auto small = resumable(server.url("/"));
  small.mutable_limits()->set_max_bytes(700'000);
  EXPECT_EQ(run(small).error_class(), v1::TOO_LARGE);
  EXPECT_FALSE(fs::exists(folder_ / "file"));
  small.mutable_limits()->set_max_bytes(1'000'000);
  expect_whole(run(small), origin);
}

TEST_F(FetchResume, LetsNoTwoWriteOnePart) {
  Origin origin;
  ScriptedServer server([&](Peer& peer) {
    peer.request();
    peer.send(response("200 OK\r\nETag: \"1\"", origin.body));
    peer.hold();
  });
  for (std::uint64_t i = 0; i < 4; ++i) engine_->start(i, resumable(server.url("/")));
  wait();
  for (std::uint64_t i = 0; i < 4; ++i) expect_whole(results_[i], origin);
}

}  // namespace
}  // namespace flagship::fetch
