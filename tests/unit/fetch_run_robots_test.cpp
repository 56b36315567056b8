// SPDX-License-Identifier: MIT
// A run that heeds robots.txt.
#include <gmock/gmock.h>

#include <mutex>

#include "tests/unit/fetch_run_fixture.hpp"

namespace flagship::fetch {
namespace {

using testing::Each;
using testing::SizeIs;
using testing::UnorderedElementsAre;

class RunWithRobots : public RunTest {
 protected:
  RunWithRobots() {
    fake_download = [this](const v1::FetchRequest& request) {
      const std::lock_guard lock(mutex_);
      asked_.push_back(request.url());
      if (!request.url().ends_with("/robots.txt")) return ok();
      EXPECT_GT(request.return_bytes(), 0u);
      EXPECT_EQ(request.path(), "");
      return rules_(request);
    };
    options_.robots_agent = "flagship";
  }

  static v1::FetchResult file(const std::string& text) {
    v1::FetchResult result = ok();
    result.set_body(text);
    return result;
  }

  /// `count` items, in turn of each host.
  static FakeSource of(std::vector<std::string> hosts, std::uint64_t count) {
    return FakeSource([hosts, count](std::uint64_t i) -> Next {
      if (i == count) return AtEnd{};
      return item_of(i, hosts[i % hosts.size()]);
    });
  }

  RunOptions options_ = quick();
  std::mutex mutex_;
  std::vector<std::string> asked_;
  std::function<v1::FetchResult(const v1::FetchRequest&)> rules_ = [](const v1::FetchRequest&) {
    return not_found();
  };
};

TEST_F(RunWithRobots, AsksEachOriginOnceAndBeforeAllElse) {
  ThreadPoolExecutor executor({.max_workers = 3});
  Run run(executor, options_, seen);
  FakeSource source = of({"a", "b"}, 40);
  EXPECT_EQ(run(source).ok, 40u);
  for (const std::string host : {"a", "b"}) {
    std::vector<std::string> of_host;
    for (const std::string& url : asked_)
      if (url.starts_with("http://" + host)) of_host.push_back(url);
    ASSERT_THAT(of_host, SizeIs(21));
    EXPECT_EQ(of_host.front(), "http://" + host + ":80/robots.txt");
  }
}

TEST_F(RunWithRobots, WhatIsNotAllowedIsAnErrorWithoutAnAttempt) {
  rules_ = [](const v1::FetchRequest&) { return file("User-agent: *\nDisallow: /2\n"); };
  InlineExecutor executor;
  Run run(executor, options_, seen);
  FakeSource source = items(5);
  const Totals totals = run(source);
  EXPECT_EQ(totals.ok, 4u);
  EXPECT_EQ(totals.errors, 1u);
  EXPECT_EQ(seen.results["2"].error_class(), v1::REFUSED_ROBOTS);
  EXPECT_EQ(seen.attempts["2"], 0);
  EXPECT_TRUE(run.complete());
}

TEST_F(RunWithRobots, AFileThatCannotBeHadIsTriedAgainAndThenNothingIsAllowed) {
  int tries = 0;
  rules_ = [&](const v1::FetchRequest& request) {
    if (request.url().starts_with("http://well")) return ++tries < 3 ? answered(503) : not_found();
    return failed(v1::CONNECT);
  };
  InlineExecutor executor;
  Run run(executor, options_, seen);
  FakeSource source = of({"well", "gone"}, 6);
  const Totals totals = run(source);
  EXPECT_EQ(totals.ok, 3u);
  EXPECT_EQ(totals.errors, 3u);
  for (const std::string key : {"1", "3", "5"}) {
    EXPECT_EQ(seen.results[key].error_class(), v1::CONNECT);
    EXPECT_EQ(seen.attempts[key], 0);
  }
}

TEST_F(RunWithRobots, TheOrderOfTheListIsKept) {
  rules_ = [](const v1::FetchRequest& request) {
    return request.url().starts_with("http://a") ? file("User-agent: *\nDisallow: /\n")
                                                 : not_found();
  };
  options_.order = Order::input;
  ThreadPoolExecutor executor({.max_workers = 3});
  Run run(executor, options_, seen);
  FakeSource source = of({"a", "b", "c"}, 60);
  EXPECT_EQ(run(source).ended(), 60u);
  ASSERT_THAT(seen.keys, SizeIs(60));
  for (std::size_t i = 0; i < 60; ++i) EXPECT_EQ(seen.keys[i], std::to_string(i));
}

TEST_F(RunWithRobots, AStopWhileAFileIsAskedForLeavesItsItemsUnbegun) {
  for (const Order order : {Order::completion, Order::input}) {
    options_.order = order;
    ThreadPoolExecutor executor({.max_workers = 1});
    Watching none;
    Run run(executor, options_, none);
    rules_ = [&](const v1::FetchRequest&) {
      run.stop();
      return answered(503);
    };
    FakeSource source = items(5);
    EXPECT_EQ(run(source).ended(), 0u);
    EXPECT_FALSE(run.complete());
    executor.shutdown();
  }
}

TEST_F(RunWithRobots, ALongListOfOneOriginIsNotReadToItsEndMeanwhile) {
  options_.read_ahead = 100;
  InlineExecutor executor;
  Run run(executor, options_, seen);
  FakeSource source = items(1000);
  rules_ = [&](const v1::FetchRequest&) {
    EXPECT_LE(source.asked, 101u);
    return not_found();
  };
  EXPECT_EQ(run(source).ok, 1000u);
}

TEST_F(RunWithRobots, NobodyHearsOfTheFileItself) {
  struct Hearing final : Observer {
    void scheduled(const Item& item, const ResultFuture&) override { urls.push_back(item.url); }
    void completed(const Item& item, const ResultFuture&) override { urls.push_back(item.url); }
    void failed(const Item& item, int, const v1::FetchResult&, const Outcome&) override {
      urls.push_back(item.url);
    }
    void ended(const ItemReport& report, const Totals&) override {
      urls.push_back(report.item.url);
    }
    std::vector<std::string> urls;
  } hearing;
  int tries = 0;
  rules_ = [&](const v1::FetchRequest&) { return ++tries < 3 ? answered(503) : not_found(); };
  options_.trace = true;
  InlineExecutor executor;
  Run run(executor, options_, hearing);
  FakeSource source = items(1);
  EXPECT_EQ(run(source).ok, 1u);
  EXPECT_THAT(hearing.urls, Each("http://h/0"));
}

TEST_F(RunWithRobots, ThoseThatAreNotToBeAskedAreNot) {
  options_.robots_agent.clear();
  InlineExecutor executor;
  Run run(executor, options_, seen);
  FakeSource source = items(2);
  EXPECT_EQ(run(source).ok, 2u);
  EXPECT_THAT(asked_, UnorderedElementsAre("http://h/0", "http://h/1"));
}

}  // namespace
}  // namespace flagship::fetch
