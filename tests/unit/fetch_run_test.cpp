// SPDX-License-Identifier: MIT
// The run itself, with a fake download.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <future>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include "flagship/flagship.hpp"
#include "master/fetch/retry.hpp"
#include "tests/support/patience.hpp"
#include "tests/unit/fetch_run_fixture.hpp"

namespace flagship::fetch {

std::function<v1::FetchResult(const v1::FetchRequest&)> fake_download;
v1::FetchResult download(const v1::FetchRequest& request) { return fake_download(request); }
FLAGSHIP_TASK("fetch", download);

// And what "first" does, before it gives back what it got.
std::function<void()> first_comes;
v1::FetchResult first(const v1::FetchResult& result) {
  first_comes();
  return result;
}
FLAGSHIP_TASK("first", first);

namespace {

using test::kPatience;

using namespace std::chrono_literals;
using testing::SizeIs;
using testing::UnorderedElementsAre;

TEST_F(RunTest, EveryItemHasOneEndAndTheyAddUp) {
  fake_download = [](const v1::FetchRequest& request) {
    const int n = std::stoi(request.key());
    return n % 3 == 0 ? ok(10) : n % 3 == 1 ? not_found() : failed(v1::TLS);
  };
  InlineExecutor executor;
  Run run(executor, quick(), seen);
  FakeSource source = items(9);
  const Totals totals = run(source);
  EXPECT_EQ(totals.ok, 3u);
  EXPECT_EQ(totals.not_found, 3u);
  EXPECT_EQ(totals.errors, 3u);
  EXPECT_EQ(totals.bytes, 30u);
  EXPECT_THAT(seen.keys, UnorderedElementsAre("0", "1", "2", "3", "4", "5", "6", "7", "8"));
  EXPECT_TRUE(run.complete());
}

TEST_F(RunTest, RequestsSayWhatWasAskedFor) {
  std::vector<v1::FetchRequest> requests;
  fake_download = [&](const v1::FetchRequest& request) {
    requests.push_back(request);
    return ok();
  };
  RunOptions options = quick();
  options.limits.set_timeout_ms(77);
  InlineExecutor executor;
  Run run(executor, options, seen);
  FakeSource source([](std::uint64_t i) {
    if (i > 0) return Next(AtEnd{});
    Item item = item_of(i);
    item.path = "out/0";
    return Next(std::move(item));
  });
  run(source);
  ASSERT_THAT(requests, SizeIs(1));
  EXPECT_EQ(requests[0].url(), "http://h/0");
  EXPECT_EQ(requests[0].path(), "out/0");
  EXPECT_EQ(requests[0].limits().timeout_ms(), 77u);
}

TEST_F(RunTest, TroubleThatPassesIsTriedAgain) {
  std::map<std::string, int> tries;
  fake_download = [&](const v1::FetchRequest& request) {
    return ++tries[request.key()] < 4 ? answered(503) : ok();
  };
  InlineExecutor executor;
  Run run(executor, quick(), seen);
  FakeSource source = items(5);
  EXPECT_EQ(run(source).ok, 5u);
  for (const auto& [key, attempts] : seen.attempts) EXPECT_EQ(attempts, 4) << key;
}

TEST_F(RunTest, TroubleThatStaysIsReportedOnceWithItsAttempts) {
  fake_download = [](const v1::FetchRequest&) { return failed(v1::RESET); };
  RunOptions options = quick();
  options.retry.retries = 2;
  InlineExecutor executor;
  Run run(executor, options, seen);
  FakeSource source = items(3);
  EXPECT_EQ(run(source).errors, 3u);
  EXPECT_THAT(seen.keys, SizeIs(3));
  for (const auto& [key, attempts] : seen.attempts) EXPECT_EQ(attempts, 3) << key;
}

/// Tells when the run has nothing to do for the first time.
struct WatchingForIdleness final : Observer {
  std::optional<std::chrono::steady_clock::time_point> idle(const Totals&) override {
    if (!std::exchange(was_idle, true)) is_idle.set_value();
    return std::nullopt;
  }
  bool was_idle = false;
  std::promise<void> is_idle;
};

TEST_F(RunTest, NothingIsHandedOutBeforeAWorkerHasCome) {
  std::atomic<int> begun = 0;
  fake_download = [&](const v1::FetchRequest&) {
    ++begun;
    return ok();
  };
  WatchingForIdleness watching;
  first_comes = [&] {
    EXPECT_EQ(watching.is_idle.get_future().wait_for(kPatience), std::future_status::ready);
    EXPECT_EQ(begun, 0);
  };
  RunOptions options = quick();
  options.first_task = "first";
  ThreadPoolExecutor executor({.max_workers = 2});
  Run run(executor, options, watching);
  FakeSource source = items(5);
  EXPECT_EQ(run(source).ok, 5u);
  EXPECT_EQ(begun, 5);
}

TEST_F(RunTest, CanBeStoppedBeforeAWorkerHasCome) {
  fake_download = [](const v1::FetchRequest&) { return ok(); };
  RunOptions options = quick();
  options.first_task = "first";
  ThreadPoolExecutor executor({.max_workers = 2});
  Run run(executor, options, seen);
  std::promise<void> over;
  first_comes = [&, is_over = over.get_future().share()] {
    run.stop();
    is_over.wait_for(kPatience);
  };
  FakeSource source = items(5);
  EXPECT_EQ(run(source).ended(), 0u);
  EXPECT_FALSE(run.complete());
  over.set_value();
  executor.shutdown();  // the stop may not have returned yet
}

TEST_F(RunTest, CompletionOrderDoesNotWaitForASlowItem) {
  std::mutex mutex;
  std::condition_variable changed;
  bool others_ended = false;
  fake_download = [&](const v1::FetchRequest& request) {
    std::unique_lock lock(mutex);
    if (request.key() == "0") changed.wait_for(lock, kPatience, [&] { return others_ended; });
    return ok();
  };
  seen.on_ended = [&](const ItemReport&) {
    const std::lock_guard lock(mutex);
    others_ended = seen.keys.size() == 3;
    changed.notify_all();
  };
  ThreadPoolExecutor executor({.max_workers = 2});
  Run run(executor, quick(), seen);
  FakeSource source = items(4);
  EXPECT_EQ(run(source).ok, 4u);
  EXPECT_EQ(seen.keys.back(), "0");
}

TEST_F(RunTest, InputOrderIsKeptWhateverEndsFirst) {
  std::map<std::string, int> tries;
  std::mutex mutex;
  fake_download = [&](const v1::FetchRequest& request) {
    const std::lock_guard lock(mutex);
    const bool again = std::stoi(request.key()) % 4 == 0 && ++tries[request.key()] < 3;
    return again ? answered(503) : ok();
  };
  RunOptions options = quick();
  options.order = Order::input;
  ThreadPoolExecutor executor({.max_workers = 3});
  Run run(executor, options, seen);
  FakeSource source([](std::uint64_t i) -> Next {
    if (i == 200) return AtEnd{};
    Item item = item_of(i);
    if (i % 7 == 3) item.trouble = "no URL";
    return item;
  });
  const Totals totals = run(source);
  EXPECT_EQ(totals.ended(), 200u);
  for (std::size_t i = 0; i < seen.keys.size(); ++i) ASSERT_EQ(seen.keys[i], std::to_string(i));
}

TEST_F(RunTest, ALineThatHoldsNoUrlIsAnErrorWithoutAnAttempt) {
  fake_download = [](const v1::FetchRequest&) { return ok(); };
  InlineExecutor executor;
  Run run(executor, quick(), seen);
  FakeSource source([](std::uint64_t i) -> Next {
    if (i == 2) return AtEnd{};
    Item item = item_of(i);
    if (i == 0) item.trouble = "line 1 holds no URL";
    return item;
  });
  EXPECT_EQ(run(source).errors, 1u);
  EXPECT_EQ(seen.attempts["0"], 0);
  EXPECT_EQ(seen.results["0"].error_class(), v1::BAD_INPUT);
  EXPECT_EQ(seen.results["0"].reason(), "line 1 holds no URL");
}

TEST_F(RunTest, AnEndlessSourceIsTakenNoFasterThanItEnds) {
  fake_download = [](const v1::FetchRequest&) { return ok(); };
  RunOptions options = quick();
  options.read_ahead = 16;
  ThreadPoolExecutor executor({.max_workers = 2});
  Run run(executor, options, seen);
  FakeSource source([](std::uint64_t i) { return Next(item_of(i)); });
  seen.on_ended = [&](const ItemReport&) {
    EXPECT_LE(source.asked, seen.keys.size() + options.read_ahead);
    if (seen.keys.size() == 1000) run.stop();
  };
  EXPECT_GE(run(source).ok, 1000u);
  EXPECT_FALSE(run.complete());
}

TEST_F(RunTest, AnEndlessSourceOfLinesWithoutUrlsCanBeStopped) {
  InlineExecutor executor;
  Run run(executor, quick(), seen);
  FakeSource source([](std::uint64_t i) {
    Item item = item_of(i);
    item.trouble = "holds no URL";
    return Next(item);
  });
  seen.on_ended = [&](const ItemReport&) {
    if (seen.keys.size() == 10'000) run.stop();
    ASSERT_LT(seen.keys.size(), 100'000u);
  };
  EXPECT_GE(run(source).errors, 10'000u);
}

TEST_F(RunTest, AWakeUpBetweenTwoLooksIsNotLost) {
  std::mutex mutex;
  std::condition_variable changed;
  bool asked_again = false, in_time = false;
  fake_download = [&](const v1::FetchRequest&) {
    std::unique_lock lock(mutex);
    in_time = changed.wait_for(lock, kPatience, [&] { return asked_again; });
    return ok();
  };
  ThreadPoolExecutor executor({.max_workers = 1});
  Run run(executor, quick(), seen);
  int looks = 0;
  FakeSource source([&](std::uint64_t i) -> Next {
    if (++looks == 2) {
      run.wake();  // by the reader's thread, just when the run had looked
      return NotYet{};
    }
    if (looks == 3) {
      const std::lock_guard lock(mutex);
      asked_again = true;
      changed.notify_all();
    }
    return looks == 1 ? Next(item_of(i)) : Next(AtEnd{});
  });
  EXPECT_EQ(run(source).ok, 1u);
  EXPECT_TRUE(in_time);
}

TEST_F(RunTest, AfterAStopNothingNewBeginsAndWhatBeganEnds) {
  std::atomic<int> begun{0};
  fake_download = [&](const v1::FetchRequest&) {
    ++begun;
    return ok();
  };
  RunOptions options = quick();
  options.plan.in_flight = 1;
  InlineExecutor executor;
  Run run(executor, options, seen);
  FakeSource source = items(100);
  seen.on_ended = [&](const ItemReport&) {
    if (seen.keys.size() == 5) run.stop();
  };
  EXPECT_EQ(run(source).ok, 5u);
  EXPECT_EQ(begun, 5);
  EXPECT_FALSE(run.complete());
}

TEST_F(RunTest, AStopEndsTheWaitForRetriesWithTheLastFailure) {
  for (const Order order : {Order::completion, Order::input}) {
    seen = {};
    RunOptions options = quick();
    options.order = order;
    options.retry.base = 1h;
    options.retry.longest = 1h;
    Run* stopped = nullptr;
    int calls = 0;
    fake_download = [&](const v1::FetchRequest&) {
      if (++calls == 3) stopped->stop();
      return answered(503);
    };
    InlineExecutor executor;
    Run run(executor, options, seen);
    stopped = &run;
    FakeSource source = items(3);
    EXPECT_EQ(run(source).errors, 3u);
    EXPECT_THAT(seen.keys, SizeIs(3));
    for (const auto& [key, attempts] : seen.attempts) EXPECT_EQ(attempts, 1);
    EXPECT_TRUE(run.complete());
  }
}

// A retry that was handed to the executor and had not begun was taken back by a stop, and the item
// had no end at all.
TEST_F(RunTest, ARetryTakenBackByAStopEndsAsItLastFailed) {
  std::mutex mutex;
  std::condition_variable changed;
  bool stopped = false, blocking = false;
  std::map<std::string, int> tries;
  fake_download = [&](const v1::FetchRequest& request) {
    std::unique_lock lock(mutex);
    if (request.key() == "0") return answered(500);
    blocking = true;
    changed.notify_all();
    changed.wait_for(lock, kPatience, [&] { return stopped; });
    return ok();
  };
  RunOptions options = quick();
  options.retry.base = 1ms;
  ThreadPoolExecutor executor({.max_workers = 1});
  Run run(executor, options, seen);
  FakeSource source = items(2);
  // One thread: the first attempt of 0 ends, 1 occupies the thread, and the retry of 0 waits behind
  // it.
  std::thread stopper([&] {
    {
      std::unique_lock lock(mutex);
      changed.wait_for(lock, kPatience, [&] { return blocking; });
    }
    while (executor.status().queued == 0) std::this_thread::yield();
    run.stop();
    const std::lock_guard lock(mutex);
    stopped = true;
    changed.notify_all();
  });
  const Totals totals = run(source);
  stopper.join();
  EXPECT_EQ(totals.ended(), 2u);
  EXPECT_EQ(totals.errors, 1u);
  EXPECT_THAT(seen.keys, UnorderedElementsAre("0", "1"));
  EXPECT_GE(seen.attempts["0"], 1);
}

TEST_F(RunTest, WhatATaskThrowsIsAnErrorOfItsItem) {
  fake_download = [](const v1::FetchRequest& request) -> v1::FetchResult {
    if (request.key() == "1") throw std::runtime_error("out of order");
    return ok();
  };
  InlineExecutor executor;
  Run run(executor, quick(), seen);
  FakeSource source = items(3);
  EXPECT_EQ(run(source).errors, 1u);
  EXPECT_EQ(seen.results["1"].reason(), "out of order");
}

TEST_F(RunTest, ARetryAfterHoldsBackItsWholeOriginAndNoOther) {
  using Clock = std::chrono::steady_clock;
  constexpr auto kPause = 300ms;
  std::map<std::string, std::vector<Clock::time_point>> begun;
  Clock::time_point asked{};
  fake_download = [&](const v1::FetchRequest& request) {
    begun[request.url()].push_back(Clock::now());
    if (request.url() != "http://busy/0" || begun[request.url()].size() > 1) return ok();
    v1::FetchResult result = answered(429);
    result.set_retry_after_ms(kPause.count());
    asked = Clock::now();
    return result;
  };
  InlineExecutor executor;
  Run run(executor, quick(), seen);
  int turn = 0;
  FakeSource source([&](std::uint64_t i) -> Next {
    if (++turn == 2) {
      run.wake();
      return NotYet{};  // lets the run see how the first one ended
    }
    if (i == 5) return AtEnd{};
    return item_of(i, i == 3 ? "free" : i == 4 ? "BUSY:80" : "busy");
  });
  EXPECT_EQ(run(source).ok, 5u);
  for (const char* url : {"http://busy/1", "http://busy/2", "http://BUSY:80/4"}) {
    ASSERT_THAT(begun[url], SizeIs(1)) << url;
    EXPECT_GE(begun[url][0], asked + kPause) << url;
  }
  ASSERT_THAT(begun["http://busy/0"], SizeIs(2));
  EXPECT_GE(begun["http://busy/0"][1], asked + kPause);
  EXPECT_LT(begun["http://free/3"][0], begun["http://busy/1"][0]);
  EXPECT_EQ(seen.attempts["1"], 1);
  EXPECT_EQ(seen.attempts["0"], 2);
}

TEST_F(RunTest, ARetryAfterBeyondTheCapEndsItsItemAndHoldsBackNobody) {
  fake_download = [&](const v1::FetchRequest& request) {
    if (request.key() != "0") return ok();
    v1::FetchResult result = answered(503);
    result.set_retry_after_ms(3'600'000);
    return result;
  };
  InlineExecutor executor;
  Run run(executor, quick(), seen);
  FakeSource source = items(3);
  const Totals totals = run(source);
  EXPECT_EQ(totals.ok, 2u);
  EXPECT_EQ(totals.errors, 1u);
  EXPECT_EQ(seen.attempts["0"], 1);
}

TEST_F(RunTest, NoOriginHasMoreInFlightThanItsLimit) {
  std::mutex mutex;
  std::map<std::string, int> in_flight;
  int most = 0;
  fake_download = [&](const v1::FetchRequest& request) {
    const std::string host = request.url().substr(0, request.url().rfind('/'));
    {
      const std::lock_guard lock(mutex);
      most = std::max(most, ++in_flight[host]);
    }
    std::this_thread::yield();
    const std::lock_guard lock(mutex);
    --in_flight[host];
    return ok();
  };
  RunOptions options = quick();
  options.plan = {.in_flight = 8, .per_origin = 2};
  ThreadPoolExecutor executor({.max_workers = 8});
  Run run(executor, options, seen);
  FakeSource source([](std::uint64_t i) {
    return i < 3000 ? Next(item_of(i, "h" + std::to_string(i / 500))) : Next(AtEnd{});
  });
  EXPECT_EQ(run(source).ok, 3000u);
  EXPECT_LE(most, 2);
}

// The list was read no further than what was in flight, so that what came behind an origin that had
// to be left alone waited with it.
TEST_F(RunTest, AnOriginThatIsHeldBackInFrontOfTheListHoldsBackNoOther) {
  std::atomic<bool> others_ended = false;
  fake_download = [&](const v1::FetchRequest& request) {
    if (!request.url().starts_with("http://busy/") || others_ended) return ok();
    v1::FetchResult result = answered(429);
    result.set_retry_after_ms(60'000);
    return result;
  };
  RunOptions options = quick();
  options.plan = {.in_flight = 2, .per_origin = 2};
  ThreadPoolExecutor executor({.max_workers = 2});
  Run run(executor, options, seen);
  FakeSource source([](std::uint64_t i) {
    return i < 5000 ? Next(item_of(i, i < 4900 ? "busy" : "free")) : Next(AtEnd{});
  });
  seen.on_ended = [&](const ItemReport&) {
    if (seen.keys.size() == 100) run.stop();
  };
  EXPECT_EQ(run(source).ok, 100u);
}

TEST_F(RunTest, TooManyErrorsEndItEarly) {
  fake_download = [](const v1::FetchRequest& request) {
    return std::stoi(request.key()) % 2 == 0 ? ok() : failed(v1::TLS);
  };
  RunOptions options = quick();
  options.plan.in_flight = 1;
  options.max_errors.count = 3;
  InlineExecutor executor;
  Run run(executor, options, seen);
  FakeSource source = items(1000);
  const Totals totals = run(source);
  EXPECT_EQ(totals.errors, 4u);
  EXPECT_EQ(totals.ended(), 8u);
  EXPECT_TRUE(run.had_enough());
  EXPECT_FALSE(run.complete());
}

TEST_F(RunTest, TooManyErrorsEndTheWaitForRetries) {
  fake_download = [](const v1::FetchRequest& request) {
    return request.key() == "0" ? answered(500) : failed(v1::TLS);
  };
  RunOptions options = quick();
  options.retry.base = options.retry.longest = 1h;
  options.max_errors.count = 1;
  InlineExecutor executor;
  Run run(executor, options, seen);
  FakeSource source = items(3);
  EXPECT_EQ(run(source).errors, 3u);
  EXPECT_EQ(seen.results["0"].status(), 500u);
}

TEST_F(RunTest, LinesWithoutUrlsAreErrorsThatCount) {
  RunOptions options = quick();
  options.max_errors.percent = 50;
  InlineExecutor executor;
  Run run(executor, options, seen);
  FakeSource source([](std::uint64_t i) {
    Item item = item_of(i);
    item.trouble = "holds no URL";
    return Next(item);
  });
  EXPECT_EQ(run(source).errors, MaxErrors::kShareFrom);
}

TEST_F(RunTest, WhatThePlanDecidesIsHeard) {
  struct Hearing final : Observer {
    void heard(const PlanNews& news) override { all.push_back(news); }
    std::vector<PlanNews> all;
  } hearing;
  fake_download = [&, n = 0](const v1::FetchRequest&) mutable {
    v1::FetchResult result = ++n == 1 ? answered(503) : ok();
    if (n == 1) result.set_retry_after_ms(1);
    return result;
  };
  InlineExecutor executor;
  Run run(executor, quick(), hearing);
  FakeSource source = items(200);
  EXPECT_EQ(run(source).ok, 200u);
  ASSERT_GE(hearing.all.size(), 2u);
  EXPECT_EQ(hearing.all[0].what, PlanNews::What::slowed);
  EXPECT_EQ(hearing.all[0].origin, "http://h:80");
  EXPECT_EQ(hearing.all[1].what, PlanNews::What::held);
}

}  // namespace
}  // namespace flagship::fetch

int main(int argc, char** argv) {
  flagship::init(argc, argv);
  testing::InitGoogleMock(&argc, argv);
  return RUN_ALL_TESTS();
}
