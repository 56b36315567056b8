// SPDX-License-Identifier: MIT
// What the loop does with agents: workers that share no memory, and are whole hosts.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>

#include "common/wire/lost.hpp"
#include "tests/unit/loop_play.hpp"

namespace flagship::pool {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::Pair;
using testing::SizeIs;

/// A pool of one agent that runs two calls at once; `settings` may be changed before `play`.
struct AgentLoopTest : LoopTest {
  AgentLoopTest() {
    settings.scheduler.agents = {2};
    settings.scheduler.first_agent_backoff = 1us;
  }

  void play(std::vector<FakeFleet::Step> steps) {
    if (!loop) make();
    for (std::uint32_t id = 0; id < settings.scheduler.max_workers; ++id)
      if (id >= settings.scheduler.max_workers - settings.scheduler.agents.size())
        fleet->agents.insert(id);
    LoopTest::play(std::move(steps));
  }

  void say(Happenings& out, Ref ref, const wire::Frames& frames) {
    out.messages.push_back({0, blobs_of(frames), ref});
  }
  void hello(Happenings& out, Ref ref, std::uint32_t concurrency = 0) {
    wire::UpWriter writer({ref.id, ref.incarnation});
    wire::Hello hello;
    hello.pid = 7;
    hello.concurrency = concurrency;
    say(out, ref, writer.hello(hello));
  }
  void began(Happenings& out, Ref ref, std::size_t i) {
    wire::UpWriter writer({ref.id, ref.incarnation});
    const std::uint64_t ticket = call(i).ticket;
    say(out, ref, writer.began({&ticket, 1}));
  }
  /// As its worker 3 with the pid 4242 has it.
  wire::Frames ends(Ref ref, std::size_t i, wire::CallEnding ending, std::string payload = {}) {
    wire::UpWriter writer({ref.id, ref.incarnation});
    writer.add(call(i).ticket, ending, payload, nullptr);
    writer.add_by({4242, 3});
    return writer.take_results(1us);
  }
  wire::Frames returns(Ref ref, std::size_t i, int value = 100) {
    std::string payload;
    Writer(payload).put(value);
    return ends(ref, i, wire::CallEnding::returned, payload);
  }
  /// Its worker was killed while it ran this.
  wire::Frames dies(Ref ref, std::size_t i) {
    Death death;
    death.pid = 4242;
    death.host = "far";
    death.signal = SIGSEGV;
    return ends(ref, i, wire::CallEnding::worker_died, wire::pack_lost(death, {}));
  }
  std::size_t count(Kind kind) const {
    return static_cast<std::size_t>(
        std::count_if(fleet->sent.begin(), fleet->sent.end(),
                      [kind](const auto& message) { return message.second == kind; }));
  }
  bool is_lent(std::size_t i) { return place(i).is(core::stamp_of(call(i).ticket), Claim::lent); }
};

TEST_F(AgentLoopTest, a_call_is_lent_and_runs_once_the_agent_has_said_so) {
  play({[&](Happenings&) { futures.push_back(submit(5, 0, true)); },
        [&](Happenings& out) { hello(out, kFirst); },
        [&](Happenings& out) {
          ASSERT_THAT(fleet->assigned, SizeIs(1));
          EXPECT_TRUE(is_lent(0));
          EXPECT_EQ(futures[0].state(), State::pending);
          EXPECT_FALSE(futures[0].cancel()) << "only the agent knows whether it has begun";
          EXPECT_EQ(futures[0].state(), State::pending);
          began(out, kFirst, 0);
        },
        [&](Happenings& out) {
          EXPECT_EQ(futures[0].state(), State::running);
          EXPECT_FALSE(futures[0].cancel());
          say(out, kFirst, returns(kFirst, 0));
        },
        [&](Happenings&) { EXPECT_EQ(futures[0].result(0s), 100); }});
  const auto outcome = futures[0].try_outcome();
  EXPECT_EQ(outcome->host, "testhost");
  EXPECT_EQ(outcome->pid, 4242) << "of the process that ran it";
  EXPECT_EQ(outcome->worker, 3);
  EXPECT_EQ(outcome->attempt, 1);
}

TEST_F(AgentLoopTest, it_gets_as_many_calls_as_it_says_that_it_runs) {
  play({[&](Happenings&) {
          for (int i = 0; i < 9; ++i) futures.push_back(submit(i));
        },
        [&](Happenings& out) { hello(out, kFirst, 5); },
        [&](Happenings& out) {
          EXPECT_THAT(fleet->assigned, SizeIs(5));
          gone(out, kFirst);
          for (Future<int>& future : futures) future.cancel();
        },
        [](Happenings&) {}});
}

TEST_F(AgentLoopTest, what_a_worker_here_says_of_its_width_and_its_distance_is_not_believed) {
  settings.scheduler.agents = {};
  play({[&](Happenings&) {
          for (int i = 0; i < 9; ++i) futures.push_back(submit(i));
        },
        [&](Happenings& out) {
          wire::UpWriter writer({0, 1});
          wire::Hello hello;
          hello.concurrency = 1000;
          hello.lag = std::chrono::nanoseconds::max();
          LoopTest::say(out, kFirst, writer.hello(hello));
        },
        [&](Happenings&) {
          EXPECT_THAT(fleet->assigned, SizeIs(1));
          for (Future<int>& future : futures) future.cancel();
        }});
}

TEST_F(AgentLoopTest, an_interrupt_is_told_and_ends_the_future_at_once) {
  play({[&](Happenings&) { futures.push_back(submit(1)), futures.push_back(submit(2)); },
        [&](Happenings& out) { hello(out, kFirst); },
        [&](Happenings& out) { began(out, kFirst, 0); },
        [&](Happenings&) {
          EXPECT_TRUE(futures[0].interrupt()) << "it runs";
          EXPECT_TRUE(futures[1].interrupt()) << "it may run";
          EXPECT_TRUE(futures[0].cancelled());
          EXPECT_TRUE(futures[1].cancelled());
        },
        [&](Happenings& out) {
          EXPECT_EQ(count(Kind::interrupt), 2u);
          EXPECT_THAT(fleet->named, ElementsAre(Pair(kFirst, ElementsAre(call(0).ticket)),
                                                Pair(kFirst, ElementsAre(call(1).ticket))));
          EXPECT_THAT(fleet->signals, IsEmpty()) << "it outlives what it is told to stop";
          futures.push_back(submit(3));
          say(out, kFirst, returns(kFirst, 0));
        },
        [](Happenings&) {},
        [&](Happenings& out) {
          ASSERT_THAT(fleet->assigned, SizeIs(3)) << "the late result freed a place";
          say(out, kFirst, returns(kFirst, 2, 7));
        }});
  EXPECT_TRUE(futures[0].cancelled());
  EXPECT_EQ(futures[2].result(0s), 7);
}

TEST_F(AgentLoopTest, an_interrupt_that_the_result_overtakes_changes_nothing) {
  play({[&](Happenings&) { futures.push_back(submit(1)); },
        [&](Happenings& out) { hello(out, kFirst); },
        [&](Happenings& out) {
          say(out, kFirst, returns(kFirst, 0));
          EXPECT_TRUE(futures[0].interrupt());
        },
        [&](Happenings&) { EXPECT_EQ(count(Kind::interrupt), 0u); }});
  EXPECT_TRUE(futures[0].cancelled());
}

TEST_F(AgentLoopTest,
       one_that_wants_to_go_is_asked_for_what_it_holds_and_what_it_gives_back_moves) {
  play({[&](Happenings&) { futures.push_back(submit(1)), futures.push_back(submit(2)); },
        [&](Happenings& out) { hello(out, kFirst); },
        [&](Happenings& out) {
          began(out, kFirst, 0);
          out.leaving.push_back(kFirst);
        },
        [&](Happenings& out) {
          EXPECT_THAT(fleet->named,
                      ElementsAre(Pair(kFirst, ElementsAre(call(0).ticket, call(1).ticket))));
          EXPECT_EQ(count(Kind::recall), 1u);
          say(out, kFirst, ends(kFirst, 1, wire::CallEnding::recalled));
        },
        [&](Happenings& out) {
          EXPECT_EQ(futures[1].state(), State::pending);
          EXPECT_TRUE(futures[1].cancel()) << "nobody holds it";
          EXPECT_EQ(count(Kind::drain), 0u) << "it runs the other";
          say(out, kFirst, returns(kFirst, 0));
        },
        [&](Happenings&) { EXPECT_EQ(count(Kind::drain), 1u); }});
  EXPECT_EQ(futures[0].result(0s), 100);
}

TEST_F(AgentLoopTest, what_it_gives_back_begins_in_its_next_life) {
  play({[&](Happenings&) { futures.push_back(submit(1)); },
        [&](Happenings& out) { hello(out, kFirst); },
        [&](Happenings& out) { out.leaving.push_back(kFirst); },
        [&](Happenings& out) {
          say(out, kFirst, ends(kFirst, 0, wire::CallEnding::recalled));
          gone(out, kFirst, 0, 0);
        },
        [](Happenings&) { std::this_thread::sleep_for(1ms); }, [](Happenings&) {},
        [&](Happenings& out) { hello(out, kSecond); },
        [&](Happenings& out) {
          ASSERT_THAT(fleet->assigned, SizeIs(2));
          say(out, kSecond, returns(kSecond, 1));
        }});
  EXPECT_EQ(futures[0].result(0s), 100);
  EXPECT_EQ(futures[0].try_outcome()->attempt, 1) << "it had not begun";
}

TEST_F(AgentLoopTest, a_call_whose_worker_died_there_ends_with_that_workers_death) {
  play({[&](Happenings&) { futures.push_back(submit(1)); },
        [&](Happenings& out) { hello(out, kFirst); },
        [&](Happenings& out) { say(out, kFirst, dies(kFirst, 0)); },
        [&](Happenings&) { EXPECT_EQ(loop->status().deaths, 1u); }});
  ASSERT_TRUE(ended_with<WorkerDied>(futures[0]));
  try {
    std::rethrow_exception(futures[0].exception());
  } catch (const WorkerDied& died) {
    EXPECT_EQ(died.pid(), 4242);
    EXPECT_EQ(died.host(), "far");
    EXPECT_EQ(died.signal_name(), "SIGSEGV");
    EXPECT_THAT(died.what(), HasSubstr("task"));
  }
  EXPECT_EQ(futures[0].try_outcome()->ending, Ending::worker_died);
  EXPECT_EQ(futures[0].try_outcome()->pid, 4242);
  EXPECT_EQ(futures[0].try_outcome()->worker, 3);
  EXPECT_THAT(signals, IsEmpty()) << "the agent lives";
}

TEST_F(AgentLoopTest, with_retry_a_call_whose_worker_died_there_begins_again) {
  settings.scheduler.on_death = core::OnDeath::retry;
  settings.scheduler.max_attempts = 2;
  play({[&](Happenings&) { futures.push_back(submit(1)); },
        [&](Happenings& out) { hello(out, kFirst); },
        [&](Happenings& out) { say(out, kFirst, dies(kFirst, 0)); },
        [&](Happenings& out) {
          EXPECT_EQ(futures[0].state(), State::pending);
          ASSERT_THAT(fleet->assigned, SizeIs(2));
          say(out, kFirst, dies(kFirst, 1));
        },
        [](Happenings&) {}});
  EXPECT_TRUE(ended_with<WorkerDied>(futures[0]));
  EXPECT_EQ(futures[0].try_outcome()->attempt, 2);
}

TEST_F(AgentLoopTest, with_break_pool_the_death_of_a_worker_there_breaks_the_pool) {
  settings.scheduler.on_death = core::OnDeath::break_pool;
  play({[&](Happenings&) { futures.push_back(submit(1)), futures.push_back(submit(2)); },
        [&](Happenings& out) { hello(out, kFirst); },
        [&](Happenings& out) { say(out, kFirst, dies(kFirst, 0)); }, [](Happenings&) {}});
  EXPECT_TRUE(ended_with<WorkerDied>(futures[0]));
  EXPECT_TRUE(ended_with<BrokenProcessPool>(futures[1]));
  EXPECT_THAT(message_of(futures[1].exception()),
              AllOf(HasSubstr("4242"), HasSubstr("far"), HasSubstr("SIGSEGV")));
}

TEST_F(AgentLoopTest, a_call_that_ran_too_long_there_ends_with_task_timeout) {
  settings.task_timeout = 20s;
  play({[&](Happenings&) { futures.push_back(submit(1)); },
        [&](Happenings& out) { hello(out, kFirst); },
        [&](Happenings& out) {
          say(out, kFirst, ends(kFirst, 0, wire::CallEnding::timed_out, wire::pack_lost({}, {})));
        },
        [](Happenings&) {}});
  EXPECT_TRUE(ended_with<TaskTimeout>(futures[0]));
  EXPECT_THAT(message_of(futures[0].exception()), HasSubstr("20 s"));
  EXPECT_EQ(futures[0].try_outcome()->ending, Ending::timed_out);
  EXPECT_EQ(futures[0].try_outcome()->pid, 4242);
  EXPECT_EQ(futures[0].try_outcome()->worker, 3);
  EXPECT_THAT(signals, IsEmpty());
}

TEST_F(AgentLoopTest, a_lost_call_of_which_nothing_can_be_read_is_lost_all_the_same) {
  play({[&](Happenings&) { futures.push_back(submit(1)); },
        [&](Happenings& out) { hello(out, kFirst); },
        [&](Happenings& out) {
          say(out, kFirst, ends(kFirst, 0, wire::CallEnding::worker_died, "\xff garbage"));
        },
        [](Happenings&) {}});
  EXPECT_TRUE(ended_with<WorkerDied>(futures[0]));
}

TEST_F(AgentLoopTest, all_that_it_held_is_lost_with_it) {
  play({[&](Happenings&) { futures.push_back(submit(1)), futures.push_back(submit(2)); },
        [&](Happenings& out) { hello(out, kFirst); },
        [&](Happenings& out) {
          began(out, kFirst, 0);
          gone(out, kFirst);
        },
        [](Happenings&) {}});
  EXPECT_TRUE(ended_with<WorkerDied>(futures[0]));
  EXPECT_TRUE(ended_with<WorkerDied>(futures[1])) << "nobody knows whether it had begun";
}

TEST_F(AgentLoopTest, what_is_said_in_its_name_counts_only_when_it_came_from_there) {
  settings.scheduler.max_workers = 2;
  settings.scheduler.agents = {1, 1};
  constexpr Ref kOther{1, 1};
  play({[&](Happenings&) { futures.push_back(submit(1)), futures.push_back(submit(2)); },
        [&](Happenings& out) { hello(out, kFirst), hello(out, kOther); },
        [&](Happenings& out) {
          ASSERT_THAT(fleet->assigned, SizeIs(2));
          const Ref holder = fleet->assigned[0].first;
          const Ref stranger = holder == kFirst ? kOther : kFirst;
          const wire::Frames results = returns(holder, 0);
          out.messages.push_back({0, blobs_of(results), std::nullopt});
          out.messages.push_back({FakeFleet::pid_of(holder), blobs_of(results), std::nullopt});
          out.messages.push_back({0, blobs_of(results), stranger});
          out.messages.push_back({0, blobs_of(results), Ref{holder.id, 2}});
        },
        [&](Happenings& out) {
          EXPECT_FALSE(futures[0].done());
          for (std::size_t i = 0; i < 2; ++i)
            say(out, fleet->assigned[i].first, returns(fleet->assigned[i].first, i));
        },
        [&](Happenings&) { EXPECT_TRUE(futures[0].done()); }});
}

TEST_F(AgentLoopTest, an_agent_cannot_speak_for_a_worker_here) {
  settings.scheduler.max_workers = 2;
  settings.scheduler.agents = {1};
  constexpr Ref kFar{1, 1};
  play({[&](Happenings&) { futures.push_back(submit(1)); },
        [&](Happenings& out) { LoopTest::hello(out, kFirst); },
        [&](Happenings& out) {
          out.messages.push_back({0, blobs_of(returns(kFirst, 0)), kFar});
          out.messages.push_back({0, blobs_of(returns(kFirst, 0)), kFirst});
        },
        [&](Happenings& out) {
          EXPECT_FALSE(futures[0].done());
          begin(0), finish(0), LoopTest::say(out, kFirst, results(kFirst, {0}));
        }});
  EXPECT_EQ(futures[0].result(0s), 100);
}

TEST_F(AgentLoopTest, it_may_take_as_long_as_it_likes_to_come) {
  settings.start_limit = 1ns;
  play({[&](Happenings&) { futures.push_back(submit(1)); },
        [](Happenings&) { std::this_thread::sleep_for(1ms); },
        [&](Happenings& out) {
          EXPECT_THAT(fleet->signals, IsEmpty());
          hello(out, kFirst);
        },
        [&](Happenings& out) { say(out, kFirst, returns(kFirst, 0)); }});
  EXPECT_EQ(futures[0].result(0s), 100);
}

TEST_F(AgentLoopTest, at_the_end_one_that_has_not_come_is_killed) {
  play({[&](Happenings&) { futures.push_back(submit(1)); },
        [&](Happenings&) { EXPECT_TRUE(futures[0].cancel()); }});
  EXPECT_THAT(signals, ElementsAre(Pair(kFirst, SIGKILL)));
  EXPECT_THAT(sent, IsEmpty());
}

TEST_F(AgentLoopTest, a_host_that_is_hopeless_breaks_the_pool_that_has_no_other) {
  play({[&](Happenings&) { futures.push_back(submit(1)); },
        [&](Happenings& out) {
          out.not_started.push_back({kFirst, "host 'far': no such user", true});
        },
        [](Happenings&) {}});
  EXPECT_EQ(message_of(futures[0].exception()), "no host can be used: host 'far': no such user");
}

TEST_F(AgentLoopTest, time_limits_are_not_kept_from_here) {
  settings.task_timeout = 1us;
  play({[&](Happenings&) { futures.push_back(submit(1)); },
        [&](Happenings& out) { hello(out, kFirst); },
        [&](Happenings& out) { began(out, kFirst, 0); },
        [](Happenings&) { std::this_thread::sleep_for(1ms); }, [](Happenings&) {},
        [&](Happenings& out) {
          EXPECT_FALSE(futures[0].done());
          EXPECT_THAT(fleet->signals, IsEmpty());
          say(out, kFirst, returns(kFirst, 0));
        }});
  EXPECT_EQ(futures[0].result(0s), 100);
}

}  // namespace
}  // namespace flagship::pool
