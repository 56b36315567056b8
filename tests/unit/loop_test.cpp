// SPDX-License-Identifier: MIT
#include "master/pool/loop/loop.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>

#include "tests/unit/loop_play.hpp"

namespace flagship::pool {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;
using testing::SizeIs;

TEST_F(LoopTest, a_call_goes_to_a_worker_and_its_result_to_the_future) {
  play({[&](Happenings&) { futures.push_back(submit(5)); },
        [&](Happenings& out) {
          EXPECT_THAT(fleet->started, ElementsAre(kFirst));
          EXPECT_THAT(fleet->assigned, IsEmpty()) << "it has not said Hello";
          hello(out, kFirst);
        },
        [&](Happenings& out) {
          ASSERT_THAT(fleet->assigned, SizeIs(1));
          EXPECT_EQ(Reader(call(0).payload).get<int>(), 5);
          EXPECT_EQ(futures[0].state(), State::pending);
          EXPECT_TRUE(begin(0));
          EXPECT_EQ(futures[0].state(), State::running);
          finish(0);
          say(out, kFirst, results(kFirst, {0}));
        },
        [&](Happenings&) { EXPECT_EQ(futures[0].result(0s), 100); }});
  EXPECT_THAT(sent, ElementsAre(Pair(kFirst, Kind::welcome), Pair(kFirst, Kind::assign),
                                Pair(kFirst, Kind::drain)));
  EXPECT_EQ(futures[0].try_outcome()->pid, FakeFleet::pid_of(kFirst));
  EXPECT_EQ(futures[0].try_outcome()->host, "testhost");
  EXPECT_THROW(submit(1), ShutdownError);
}

TEST_F(LoopTest, results_that_come_together_with_the_death_count) {
  play(with_held(1) + Steps{[&](Happenings& out) {
                              begin(1), finish(1);
                              say(out, kFirst, results(kFirst, {1}));
                              gone(out, kFirst);
                            },
                            [](Happenings&) {}});
  EXPECT_EQ(futures[1].result(0s), 101);
}

TEST_F(LoopTest, results_that_come_a_little_after_the_death_count) {
  play(with_held(1) + Steps{[&](Happenings& out) { begin(1), finish(1), gone(out, kFirst); },
                            [&](Happenings& out) { say(out, kFirst, results(kFirst, {1})); },
                            [](Happenings&) {}});
  EXPECT_EQ(futures[1].result(0s), 101);
}

TEST_F(LoopTest, results_that_a_dead_worker_had_not_sent_are_taken_out_of_its_outbox) {
  play(with_held(2) + Steps{[&](Happenings& out) {
                              begin(1), keep_result(1), finish(1);
                              begin(2);
                              gone(out, kFirst);
                            },
                            [](Happenings&) {}});
  EXPECT_EQ(futures[1].result(0s), 101);
  EXPECT_TRUE(ended_with<WorkerDied>(futures[2])) << "it ran when the worker died";
}

TEST_F(LoopTest, results_of_a_worker_that_is_busy_with_the_next_call_are_taken_out_of_its_outbox) {
  settings.scheduler.harvest_after = 1us;
  play(with_held(2) + Steps{[&](Happenings&) {
                              begin(1), keep_result(1), finish(1);
                              begin(2);
                            },
                            until([&] { return futures[1].done(); }),
                            [&](Happenings& out) {
                              EXPECT_EQ(futures[1].result(0s), 101);
                              EXPECT_EQ(futures[2].state(), State::running);
                              finish(2);
                              say(out, kFirst, results(kFirst, {1, 2}));
                            },
                            [](Happenings&) {}});
  EXPECT_EQ(futures[2].result(0s), 102);
}

TEST_F(LoopTest, what_has_arrived_by_message_is_not_taken_again) {
  play(with_held(1) + Steps{[&](Happenings& out) {
                              begin(1), keep_result(1), finish(1);
                              say(out, kFirst, results(kFirst, {1}));
                            },
                            [&](Happenings&) { EXPECT_TRUE(outbox().empty()); }});
  EXPECT_EQ(futures[1].result(0s), 101);
}

TEST_F(LoopTest, results_that_do_not_come_after_a_death_are_waited_for_in_vain) {
  make();
  auto steps = with_held(1);
  steps.push_back([&](Happenings& out) { begin(1), finish(1), gone(out, kFirst); });
  for (int i = 0; i < 30; ++i)
    steps.push_back([&](Happenings&) { std::this_thread::sleep_for(3ms); });
  play(std::move(steps));
  EXPECT_TRUE(ended_with<WorkerDied>(futures[1]));
}

TEST_F(LoopTest, results_of_a_worker_that_was_buried_are_dropped) {
  wire::Frames late;
  play(with_held(1) + Steps{[&](Happenings& out) {
                              begin(1);
                              late = results(kFirst, {1});
                              gone(out, kFirst);
                            },
                            [&](Happenings& out) { say(out, kFirst, late); }});
  EXPECT_TRUE(ended_with<WorkerDied>(futures[1])) << "the first verdict stands";
}

TEST_F(LoopTest, a_death_ends_what_had_begun_and_moves_the_rest_to_the_next_worker) {
  play(with_held(3) + Steps{[&](Happenings& out) {
                              ASSERT_THAT(fleet->assigned, SizeIs(4));
                              begin(1);
                              gone(out, kFirst, SIGSEGV);
                            },
                            [&](Happenings& out) {
                              EXPECT_TRUE(ended_with<WorkerDied>(futures[1]));
                              EXPECT_THAT(message_of(futures[1].exception()), HasSubstr("SIGSEGV"));
                              EXPECT_EQ(futures[1].try_outcome()->pid, FakeFleet::pid_of(kFirst));
                              EXPECT_EQ(futures[2].state(), State::pending);
                              EXPECT_THAT(fleet->started, ElementsAre(kFirst, kSecond));
                              EXPECT_TRUE(fleet->pages.contains(0)) << "the new one is not buried";
                              hello(out, kSecond);
                            },
                            [&](Happenings& out) {
                              ASSERT_THAT(fleet->assigned, SizeIs(5));
                              begin(4), finish(4);
                              say(out, kSecond, results(kSecond, {4}));
                            },
                            [&](Happenings& out) {
                              begin(5), finish(5);
                              say(out, kSecond, results(kSecond, {5}));
                            }});
  EXPECT_EQ(futures[2].result(0s), 104);
  EXPECT_EQ(futures[3].result(0s), 105);
}

TEST_F(LoopTest, with_retry_a_call_that_had_begun_is_pending_again_and_can_be_cancelled) {
  settings.scheduler.on_death = core::OnDeath::retry;
  play(with_held(1) + Steps{[&](Happenings& out) {
                              begin(1);
                              EXPECT_EQ(futures[1].state(), State::running);
                              gone(out, kFirst);
                            },
                            [&](Happenings&) {
                              EXPECT_EQ(futures[1].state(), State::pending);
                              EXPECT_TRUE(futures[1].cancel());
                            },
                            [&](Happenings& out) { hello(out, kSecond); }});
  EXPECT_TRUE(futures[1].cancelled());
  EXPECT_THAT(assigned, SizeIs(2));
}

TEST_F(LoopTest, a_call_that_threw_and_is_tried_again_is_sent_again) {
  play({[&](Happenings&) { futures.push_back(submit(5, 1)); },
        [&](Happenings& out) { hello(out, kFirst); },
        [&](Happenings& out) {
          begin(0), finish(0);
          say(out, kFirst, ending(kFirst, 0, wire::CallEnding::raised));
        },
        [&](Happenings& out) {
          EXPECT_EQ(futures[0].state(), State::pending);
          ASSERT_THAT(fleet->assigned, SizeIs(2));
          begin(1), finish(1);
          say(out, kFirst, ending(kFirst, 1, wire::CallEnding::raised));
        }});
  EXPECT_TRUE(ended_with<std::out_of_range>(futures[0]));
  EXPECT_EQ(futures[0].try_outcome()->attempt, 2);
}

TEST_F(LoopTest, endings_other_than_a_return_are_errors_of_their_kind) {
  play({[&](Happenings&) { futures.push_back(submit(5)); },
        [&](Happenings& out) { hello(out, kFirst); },
        [&](Happenings& out) {
          begin(0), finish(0);
          say(out, kFirst, ending(kFirst, 0, wire::CallEnding::unknown_function));
        }});
  EXPECT_TRUE(ended_with<UnknownTask>(futures[0]));
}

TEST_F(LoopTest, a_held_call_is_cancelled_through_the_claim_page) {
  play(with_held(2) + Steps{[&](Happenings&) {
                              EXPECT_TRUE(futures[2].cancel());
                              EXPECT_FALSE(begin(2)) << "the worker passes over it";
                              EXPECT_TRUE(begin(1));
                              EXPECT_FALSE(futures[1].cancel());
                            },
                            [&](Happenings& out) {
                              say(out, kFirst, ending(kFirst, 2, wire::CallEnding::recalled));
                              finish(1), say(out, kFirst, results(kFirst, {1}));
                            }});
  EXPECT_TRUE(futures[2].cancelled());
  EXPECT_EQ(futures[1].result(0s), 101);
}

TEST_F(LoopTest, a_recall_that_is_heard_before_the_cancellation_changes_nothing) {
  play(with_held(2) + Steps{[&](Happenings& out) {
                              begin(1), finish(1);
                              EXPECT_TRUE(futures[2].cancel());
                              say(out, kFirst, ending(kFirst, 2, wire::CallEnding::recalled));
                              say(out, kFirst, results(kFirst, {1}));
                            },
                            [](Happenings&) {}});
  EXPECT_TRUE(futures[2].cancelled());
  EXPECT_THAT(assigned, SizeIs(3)) << "it is not sent again";
}

TEST_F(LoopTest, a_call_cancelled_before_the_loop_looks_is_never_sent) {
  play({[&](Happenings&) {
          futures.push_back(submit(1));
          EXPECT_TRUE(futures[0].cancel());
        },
        [&](Happenings& out) { hello(out, kFirst); }});
  EXPECT_THAT(assigned, IsEmpty());
}

TEST_F(LoopTest, status_says_what_each_life_of_a_worker_is_kept_from) {
  play({[&](Happenings&) { futures.push_back(submit(1)); },
        [&](Happenings& out) {
          EXPECT_THAT(loop->status().workers.at(0).isolation, IsEmpty());
          hello(out, kFirst);
        },
        [&](Happenings& out) {
          EXPECT_EQ(loop->status().workers.at(0).isolation.at(0).detail, "of 1");
          begin(0), gone(out, kFirst);
          futures.push_back(submit(2));
        },
        [](Happenings&) {},
        [&](Happenings& out) {
          EXPECT_THAT(loop->status().workers.at(0).isolation, IsEmpty()) << "of the one before";
          hello(out, kSecond);
        },
        [&](Happenings& out) {
          EXPECT_EQ(loop->status().workers.at(0).isolation.at(0).detail, "of 2");
          begin(1), finish(1), say(out, kSecond, results(kSecond, {1}));
        }});
}

TEST_F(LoopTest, a_worker_of_another_protocol_breaks_the_pool_in_words) {
  play({[&](Happenings&) { futures.push_back(submit(1)); },
        [&](Happenings& out) { hello(out, kFirst, wire::kProtocol + 1); },
        [&](Happenings&) {
          EXPECT_TRUE(ended_with<BrokenProcessPool>(futures[0]));
          EXPECT_THAT(message_of(futures[0].exception()),
                      AllOf(HasSubstr("version 2"), HasSubstr("9.9")));
          EXPECT_THAT(fleet->signals, ElementsAre(Pair(kFirst, SIGKILL)));
          EXPECT_THROW(submit(2), BrokenProcessPool);
        }});
}

TEST_F(LoopTest, a_worker_that_sends_what_cannot_be_read_is_killed) {
  play({[&](Happenings&) { futures.push_back(submit(1)); },
        [&](Happenings& out) { hello(out, kFirst); },
        [&](Happenings& out) {
          begin(0), finish(0);
          wire::Frames garbage = wire::one_frame("\xff\xff garbage");
          say(out, kFirst, garbage);
          say(out, kFirst, garbage, 4711);  // of a stranger
          out.messages.push_back({0, {}});
        },
        [&](Happenings& out) {
          EXPECT_THAT(fleet->signals, ElementsAre(Pair(kFirst, SIGKILL)));
          begin(0);
          gone(out, kFirst);
        },
        [](Happenings&) { std::this_thread::sleep_for(60ms); }, [](Happenings&) {}});
  EXPECT_TRUE(ended_with<WorkerDied>(futures[0]));
}

TEST_F(LoopTest, what_a_stranger_says_in_a_workers_name_is_dropped) {
  play({[&](Happenings&) { futures.push_back(submit(1)); },
        [&](Happenings& out) { hello(out, kFirst); },
        [&](Happenings& out) { say(out, kFirst, results(kFirst, {0}), 4711); },
        [&](Happenings& out) { say(out, kSecond, results(kSecond, {0})); },
        [&](Happenings& out) {
          say(out, {99, 1}, results({99, 1}, {0}));
        },
        [&](Happenings& out) {
          EXPECT_FALSE(futures[0].done());
          begin(0), finish(0), say(out, kFirst, results(kFirst, {0}));
        }});
  EXPECT_EQ(futures[0].result(0s), 100);
}

TEST_F(LoopTest, workers_that_die_before_hello_break_the_pool_with_a_hint) {
  settings.scheduler.max_fruitless = 1;
  settings.worker_program = "'/bin/other'";
  play({[&](Happenings&) { futures.push_back(submit(1)); },
        [&](Happenings& out) { gone(out, kFirst, 0, 0); }, [](Happenings&) {}});
  EXPECT_THAT(
      message_of(futures[0].exception()),
      AllOf(HasSubstr("exited with code 0"), HasSubstr("/bin/other"), HasSubstr("flagship::init")));
}

TEST_F(LoopTest, workers_that_die_before_hello_break_the_pool_with_their_last_words) {
  settings.scheduler.max_fruitless = 1;
  settings.limits = "address_space 4096";
  play({[&](Happenings&) { futures.push_back(submit(1)); },
        [&](Happenings& out) {
          gone(out, kFirst, 0, 127);
          out.gone.back().death.stderr_tail = "libfoo.so: cannot open shared object file";
        },
        [](Happenings&) {}});
  EXPECT_THAT(
      message_of(futures[0].exception()),
      AllOf(HasSubstr("exited with code 127 before it said Hello"), HasSubstr("address_space 4096"),
            HasSubstr("libfoo.so: cannot open"), Not(HasSubstr("flagship::init"))));
}

TEST_F(LoopTest, a_worker_that_dies_in_the_initializer_breaks_the_pool_which_is_told) {
  settings.scheduler.max_fruitless = 1;
  settings.initializer.function = 5;
  play({[&](Happenings&) { futures.push_back(submit(1)); },
        [&](Happenings& out) { hello(out, kFirst); },
        [&](Happenings& out) { gone(out, kFirst, SIGSEGV); }, [](Happenings&) {}});
  EXPECT_THAT(message_of(futures[0].exception()),
              HasSubstr("was killed by SIGSEGV while it ran the initializer"));
}

TEST_F(LoopTest, a_worker_that_says_bye_breaks_the_pool_with_its_reason) {
  play({[&](Happenings&) { futures.push_back(submit(1)); },
        [&](Happenings& out) {
          wire::UpWriter writer({0, 1});
          say(out, kFirst, writer.bye("the initializer threw: x"));
        },
        [](Happenings&) {}});
  EXPECT_EQ(message_of(futures[0].exception()), "the initializer threw: x");
}

TEST_F(LoopTest, the_beginning_of_a_call_is_told_to_those_who_asked) {
  int told = 0;
  play({[&](Happenings&) {
          futures.push_back(submit(1, 0, true));
          futures[0].add_running_callback([&](const Future<int>&) { ++told; });
        },
        [&](Happenings& out) { hello(out, kFirst); },
        [&](Happenings& out) {
          EXPECT_TRUE(call(0).notify);
          begin(0);
          wire::UpWriter writer({0, 1});
          say(out, kFirst, writer.began({&call(0).ticket, 1}));
          const std::uint64_t unknown = core::make_ticket(4000, 9);
          say(out, kFirst, writer.began({&unknown, 1}));
        },
        [&](Happenings& out) {
          EXPECT_EQ(told, 1);
          finish(0), say(out, kFirst, results(kFirst, {0}));
        }});
  EXPECT_EQ(told, 1);
}

TEST_F(LoopTest, starts_that_fail_break_the_pool_with_the_cause) {
  settings.scheduler.first_backoff = 1us;
  make();
  fleet->start_error = "no such file: /x/y";
  Steps steps{[&](Happenings&) { futures.push_back(submit(1)); }};
  for (int i = 0; i < 10; ++i)
    steps.push_back([](Happenings&) { std::this_thread::sleep_for(1ms); });
  play(std::move(steps));
  EXPECT_THAT(message_of(futures[0].exception()), HasSubstr("/x/y"));
}

TEST_F(LoopTest, a_start_that_turns_out_to_have_failed_breaks_the_pool_with_the_cause) {
  settings.scheduler.max_fruitless = 1;
  play({[&](Happenings&) { futures.push_back(submit(1)); },
        [&](Happenings& out) {
          out.not_started.push_back({kFirst, "it cannot be cloned"});
        },
        [](Happenings&) {}});
  EXPECT_THAT(message_of(futures[0].exception()), HasSubstr("it cannot be cloned"));
}

TEST_F(LoopTest, a_program_none_of_whose_workers_ever_said_hello_gets_one_chance) {
  settings.start_limit = 1ns;
  settings.worker_program = "'/bin/mute'";
  play({[&](Happenings&) { futures.push_back(submit(1)); },
        [](Happenings&) { std::this_thread::sleep_for(1ms); },
        [&](Happenings& out) { gone(out, kFirst); }, [this](Happenings&) { keep(); }});
  EXPECT_THAT(message_of(futures[0].exception()),
              AllOf(HasSubstr("did not say Hello in time"), HasSubstr("/bin/mute"),
                    HasSubstr("flagship::init")));
  EXPECT_THAT(started, SizeIs(1));
}

TEST_F(LoopTest, workers_are_weighed_while_they_hold_something_and_not_otherwise) {
  settings.weigh_every = 1ns;
  play({[&](Happenings&) { futures.push_back(submit(1)); },
        [&](Happenings& out) {
          EXPECT_EQ(fleet->weighed, 0);
          hello(out, kFirst);
        },
        [](Happenings&) {},
        [&](Happenings& out) {
          EXPECT_GT(fleet->weighed, 0);
          begin(0), finish(0), say(out, kFirst, results(kFirst, {0}));
        },
        [&](Happenings&) { fleet->weighed = 0; },
        [&](Happenings&) { EXPECT_EQ(fleet->weighed, 0); }});
}

TEST_F(LoopTest, a_worker_that_never_says_hello_is_killed_when_its_time_is_up) {
  settings.start_limit = 1ns;
  play({[&](Happenings&) { futures.push_back(submit(1)); },
        [](Happenings&) { std::this_thread::sleep_for(1ms); },
        [&](Happenings&) {
          EXPECT_THAT(fleet->signals, ElementsAre(Pair(kFirst, SIGKILL)));
          futures[0].cancel();
        }});
}

TEST_F(LoopTest, a_worker_that_does_not_leave_when_asked_is_killed) {
  settings.drain_limit = 1ns;
  make();
  auto steps = with_held(0);
  steps.push_back([&](Happenings&) { loop->mailbox().shutdown(false); });
  steps.push_back([](Happenings&) { std::this_thread::sleep_for(1ms); });
  play(std::move(steps));
  EXPECT_THAT(signals, Contains(Pair(kFirst, SIGKILL)));
}

TEST_F(LoopTest, terminate_signals_the_workers_and_cancels_what_waits) {
  settings.scheduler.max_window = 2;
  play(with_held(3) + Steps{[&](Happenings&) {
                              begin(1);
                              loop->mailbox().terminate(SIGTERM);
                            },
                            [&](Happenings& out) {
                              EXPECT_THAT(fleet->signals, ElementsAre(Pair(kFirst, SIGTERM)));
                              EXPECT_TRUE(futures[3].cancelled()) << "it was queued";
                              EXPECT_THAT(fleet->started, SizeIs(1));
                              gone(out, kFirst, SIGTERM);
                            },
                            [](Happenings&) {}});
  EXPECT_TRUE(ended_with<WorkerDied>(futures[1]));
  EXPECT_TRUE(futures[2].cancelled()) << "it was held and had not begun";
}

TEST_F(LoopTest, shutdown_with_cancel_takes_back_what_is_held) {
  play(with_held(3) + Steps{[&](Happenings&) {
                              begin(1);
                              loop->mailbox().shutdown(true);
                            },
                            [](Happenings&) {},
                            [&](Happenings& out) {
                              EXPECT_TRUE(futures[2].cancelled());
                              EXPECT_TRUE(futures[3].cancelled());
                              EXPECT_FALSE(futures[1].done());
                              finish(1), say(out, kFirst, results(kFirst, {1}));
                            }});
  EXPECT_EQ(futures[1].result(0s), 101);
}

TEST_F(LoopTest, what_a_silent_worker_holds_is_taken_back_for_an_idle_one) {
  settings.scheduler.max_workers = 2;
  settings.scheduler.rebalance_after = 1us;
  constexpr Ref kOther{1, 1};
  std::map<std::uint32_t, std::vector<std::size_t>> held;
  const auto sort = [&] {
    held.clear();
    for (std::size_t i = 2; i < fleet->assigned.size(); ++i)
      held[fleet->assigned[i].first.id].push_back(i);
  };
  const auto run = [&](std::size_t i) {
    ClaimPlace& at = fleet->pages.at(fleet->assigned[i].first.id)[call(i).place];
    if (at.begin(core::stamp_of(call(i).ticket))) at.finish(core::stamp_of(call(i).ticket));
  };
  play({[&](Happenings&) { futures.push_back(submit(0)), futures.push_back(submit(1)); },
        [&](Happenings& out) { hello(out, kFirst), hello(out, kOther); },
        [&](Happenings& out) {
          run(0), run(1);
          say(out, fleet->assigned[0].first, results(fleet->assigned[0].first, {0}));
          say(out, fleet->assigned[1].first, results(fleet->assigned[1].first, {1}));
          for (int i = 0; i < 8; ++i) futures.push_back(submit(i));
        },
        [](Happenings&) {},
        [&](Happenings& out) {
          sort();
          ASSERT_THAT(held[0], SizeIs(4));
          for (const std::size_t i : held[1]) run(i);
          say(out, kOther, results(kOther, held[1]));
        },
        until([&] { return fleet->assigned.size() > 10; }),
        [&](Happenings&) {
          const std::size_t before = held[1].size();
          sort();
          EXPECT_GT(held[1].size(), before) << "the idle one got some";
        },
        [&](Happenings&) {
          for (Future<int>& future : futures) future.cancel();
        }});
}

TEST_F(LoopTest, who_does_not_go_when_interrupted_is_killed_after_the_grace) {
  settings.interrupt_grace = 1ns;
  play(with_held(1) + Steps{[&](Happenings&) {
                              begin(1);
                              EXPECT_TRUE(futures[1].interrupt());
                              EXPECT_TRUE(futures[1].cancelled());
                            },
                            [](Happenings&) { std::this_thread::sleep_for(1ms); },
                            [&](Happenings& out) {
                              EXPECT_THAT(fleet->signals, ElementsAre(Pair(kFirst, SIGTERM),
                                                                      Pair(kFirst, SIGKILL)));
                              gone(out, kFirst);
                            },
                            [](Happenings&) {}});
}

TEST_F(LoopTest, a_call_whose_time_is_up_is_stopped_and_ends_with_task_timeout) {
  settings.task_timeout = 1ms;
  play(with_held(1) + Steps{[&](Happenings&) {
                              place(1).begin(core::stamp_of(call(1).ticket), detail::Clock::now());
                              std::this_thread::sleep_for(2ms);
                            },
                            [](Happenings&) {},
                            [&](Happenings& out) {
                              EXPECT_TRUE(ended_with<TaskTimeout>(futures[1]));
                              EXPECT_EQ(futures[1].try_outcome()->ending, Ending::timed_out);
                              EXPECT_THAT(fleet->signals, ElementsAre(Pair(kFirst, SIGTERM)));
                              gone(out, kFirst, SIGTERM);
                            },
                            [](Happenings&) {}});
}

TEST_F(LoopTest, an_interrupt_that_the_death_overtakes_changes_nothing) {
  settings.scheduler.on_death = core::OnDeath::retry;
  play(with_held(1) + Steps{[&](Happenings& out) {
                              begin(1);
                              gone(out, kFirst);
                              EXPECT_TRUE(futures[1].interrupt());
                            },
                            [](Happenings&) {}, [](Happenings&) {}});
  EXPECT_TRUE(futures[1].cancelled());
}

TEST_F(LoopTest, two_silent_workers_give_up_each_its_own) {
  settings.scheduler.max_workers = 3;
  settings.scheduler.rebalance_after = 1us;
  const auto deliver = [&](Happenings& out, std::size_t i) {
    const Ref ref = fleet->assigned[i].first;
    ClaimPlace& at = fleet->pages.at(ref.id)[call(i).place];
    at.begin(core::stamp_of(call(i).ticket)), at.finish(core::stamp_of(call(i).ticket));
    say(out, ref, results(ref, {i}));
  };
  const auto held = [&](std::uint32_t id) {
    for (const WorkerStatus& worker : loop->status().workers)
      if (worker.id == static_cast<int>(id)) return worker.held;
    return std::size_t{0};
  };
  play({[&](Happenings&) {
          for (int i = 0; i < 3; ++i) futures.push_back(submit(i));
        },
        [&](Happenings& out) {
          for (std::uint32_t id = 0; id < 3; ++id) hello(out, {id, 1});
        },
        [&](Happenings& out) {
          for (std::size_t i = 0; i < 3; ++i) deliver(out, i);
          for (int i = 0; i < 12; ++i) futures.push_back(submit(i));
        },
        [](Happenings&) {},
        [&](Happenings& out) {
          ASSERT_THAT(fleet->assigned, SizeIs(15));
          for (std::size_t i = 3; i < 15; ++i)
            if (fleet->assigned[i].first.id == 0) deliver(out, i);
        },
        until([&] { return held(0) > 0; }),
        [&](Happenings&) {
          EXPECT_GT(held(0), 0u) << "the idle one got some of both";
          EXPECT_LT(held(1), 4u);
          EXPECT_LT(held(2), 4u);
          EXPECT_EQ(held(0) + held(1) + held(2), 8u);
          for (Future<int>& future : futures) future.cancel();
        }});
}

TEST_F(LoopTest, H10_when_the_loop_cannot_go_on_every_future_ends_as_broken) {
  play(with_held(1) + Steps{[&](Happenings&) -> void {
         futures.push_back(submit(2));
         throw std::runtime_error("out of luck");
       }});
  for (std::size_t i = 1; i < futures.size(); ++i) {
    EXPECT_TRUE(ended_with<BrokenProcessPool>(futures[i]));
    EXPECT_THAT(message_of(futures[i].exception()), HasSubstr("out of luck"));
  }
  EXPECT_THROW(submit(1), BrokenProcessPool);
}

}  // namespace
}  // namespace flagship::pool
