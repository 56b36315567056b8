// SPDX-License-Identifier: MIT
#include "master/pool/loop/mailbox.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <thread>

#include "flagship/error.hpp"

namespace flagship::detail {
namespace {

using testing::SizeIs;

class CountingWaker final : public Waker {
 public:
  void wake() noexcept override { ++woken; }
  std::atomic<int> woken{0};
};

class Answer final : public StatusRequest {
 public:
  void answer(PoolStatus) override { ++answers; }
  std::atomic<int> answers{0};
};

Ref<RemoteCall> new_call() { return Ref<RemoteCallOf<int>>::adopt(new RemoteCallOf<int>("task")); }

struct MailboxTest : testing::Test {
  std::shared_ptr<CountingWaker> waker = std::make_shared<CountingWaker>();
  Mailbox mailbox{waker};
  std::vector<Ref<RemoteCall>> calls;
  Mailbox::Requests requests;
};

TEST_F(MailboxTest, calls_come_out_in_the_order_they_were_put_in) {
  const auto first = new_call(), second = new_call();
  mailbox.submit(first);
  mailbox.submit(second);
  EXPECT_FALSE(mailbox.empty());
  ASSERT_TRUE(mailbox.take(calls, requests));
  ASSERT_THAT(calls, SizeIs(2));
  EXPECT_EQ(calls[0].get(), first.get());
  EXPECT_EQ(calls[1].get(), second.get());
  EXPECT_TRUE(mailbox.empty());
  EXPECT_FALSE(mailbox.take(calls, requests));
  EXPECT_THAT(calls, SizeIs(0));
}

TEST_F(MailboxTest, a_loop_that_is_awake_is_not_woken) {
  mailbox.submit(new_call());
  EXPECT_EQ(waker->woken, 0);
}

TEST_F(MailboxTest, a_loop_that_sleeps_is_woken_once_however_much_is_put) {
  ASSERT_FALSE(mailbox.falling_asleep());
  for (int i = 0; i < 100; ++i) mailbox.submit(new_call());
  EXPECT_EQ(waker->woken, 1);
}

TEST_F(MailboxTest, the_loop_does_not_fall_asleep_while_something_is_there) {
  mailbox.submit(new_call());
  EXPECT_TRUE(mailbox.falling_asleep());
  mailbox.submit(new_call());
  EXPECT_EQ(waker->woken, 0) << "it is awake";
}

TEST_F(MailboxTest, after_shutdown_calls_are_refused) {
  mailbox.shutdown(true);
  EXPECT_THROW(mailbox.submit(new_call()), ShutdownError);
  ASSERT_TRUE(mailbox.take(calls, requests));
  EXPECT_TRUE(requests.shutdown);
  EXPECT_TRUE(requests.cancel_pending);
  EXPECT_EQ(requests.terminate, 0);
}

TEST_F(MailboxTest, terminate_is_a_shutdown_with_a_signal) {
  mailbox.terminate(SIGTERM);
  EXPECT_THROW(mailbox.submit(new_call()), ShutdownError);
  ASSERT_TRUE(mailbox.take(calls, requests));
  EXPECT_TRUE(requests.shutdown);
  EXPECT_EQ(requests.terminate, SIGTERM);
}

TEST_F(MailboxTest, a_broken_pool_refuses_calls_with_the_cause_also_after_shutdown) {
  mailbox.close("the cause");
  mailbox.shutdown(false);
  try {
    mailbox.submit(new_call());
    FAIL();
  } catch (const BrokenProcessPool& error) {
    EXPECT_STREQ(error.what(), "the cause");
  }
}

TEST_F(MailboxTest, a_cancellation_wakes_a_loop_that_sleeps) {
  auto call = new_call();
  call->mailbox = &mailbox;
  ASSERT_FALSE(mailbox.falling_asleep());
  EXPECT_TRUE(call->cancel());
  EXPECT_EQ(waker->woken, 1);
  ASSERT_TRUE(mailbox.take(calls, requests));
  ASSERT_THAT(requests.cancelled, SizeIs(1));
  EXPECT_EQ(requests.cancelled[0].get(), call.get());
}

TEST_F(MailboxTest, questions_that_come_at_the_end_are_answered_or_refused) {
  const auto early = std::make_shared<Answer>(), late = std::make_shared<Answer>();
  EXPECT_TRUE(mailbox.ask_status(early));
  mailbox.end();
  EXPECT_EQ(early->answers, 1);
  EXPECT_FALSE(mailbox.ask_status(late));
  EXPECT_EQ(late->answers, 0);
}

TEST_F(MailboxTest, nothing_is_lost_between_many_threads_and_a_loop) {
  constexpr int kThreads = 4, kCalls = 2000;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < kCalls; ++i) mailbox.submit(new_call());
    });
  }
  int taken = 0;
  while (taken < kThreads * kCalls)
    if (mailbox.take(calls, requests)) taken += static_cast<int>(calls.size());
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(taken, kThreads * kCalls);
}

}  // namespace
}  // namespace flagship::detail
