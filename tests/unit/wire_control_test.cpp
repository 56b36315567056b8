// SPDX-License-Identifier: MIT
// What a master and an agent say to each other besides tasks and results.
#include "common/wire/control.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <random>

#include "common/wire/lost.hpp"
#include "flagship/v1/control.pb.h"

namespace flagship::wire {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

const std::string kBytes("\0\xff\n\x01", 4);  // what no text would have

Ticket a_ticket() {
  Ticket ticket;
  ticket.run = ~0ull;
  ticket.agent = {3, 4};
  ticket.token = kBytes;
  ticket.control = {"tcp://10.0.0.1:5000", "tcp://[fe80::1%eth0]:5000"};
  ticket.master_key = "m";
  ticket.public_key = "p";
  ticket.secret_key = "s";
  ticket.files = {"/tmp/a", "/tmp/b"};
  return ticket;
}

template <class Body>
Body sent_up(const Body& body) {
  const auto read = read_from_agent(write(FromAgent(body)));
  EXPECT_TRUE(read && std::holds_alternative<Body>(*read));
  return std::get<Body>(*read);
}

template <class Body>
Body sent_down(const Body& body) {
  const auto read = read_to_agent(write(ToAgent(body)));
  EXPECT_TRUE(read && std::holds_alternative<Body>(*read));
  return std::get<Body>(*read);
}

// ---- the ticket -------------------------------------------------------------------------------

TEST(Ticket, makes_the_round_trip_in_one_line) {
  const std::string line = write_ticket(a_ticket());
  EXPECT_EQ(line.find('\n'), line.size() - 1);
  EXPECT_THAT(line, Not(HasSubstr("tcp")));
  const auto ticket = read_ticket(line);
  ASSERT_TRUE(ticket);
  EXPECT_EQ(ticket->protocol, kProtocol);
  EXPECT_EQ(ticket->run, ~0ull);
  EXPECT_EQ(ticket->agent.worker, 3u);
  EXPECT_EQ(ticket->agent.incarnation, 4u);
  EXPECT_EQ(ticket->token, kBytes);
  EXPECT_THAT(ticket->control, ElementsAre("tcp://10.0.0.1:5000", "tcp://[fe80::1%eth0]:5000"));
  EXPECT_EQ(ticket->master_key, "m");
  EXPECT_EQ(ticket->public_key, "p");
  EXPECT_EQ(ticket->secret_key, "s");
  EXPECT_THAT(ticket->files, ElementsAre("/tmp/a", "/tmp/b"));
}

TEST(Ticket, is_read_with_its_end_or_without) {
  std::string line = write_ticket(a_ticket());
  line.pop_back();
  EXPECT_TRUE(read_ticket(line));
}

TEST(Ticket, paths_that_are_not_utf8_arrive_as_they_are_and_nothing_is_printed) {
  testing::internal::CaptureStderr();
  Ticket ticket;
  ticket.control = {"ipc:///tmp/\xff"};
  ticket.files = {"/tmp/\xff"};
  const auto read = read_ticket(write_ticket(ticket));
  ASSERT_TRUE(read);
  EXPECT_THAT(read->control, ElementsAre("ipc:///tmp/\xff"));
  EXPECT_THAT(read->files, ElementsAre("/tmp/\xff"));
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

TEST(Ticket, an_empty_one_makes_the_round_trip) {
  const auto ticket = read_ticket(write_ticket({}));
  ASSERT_TRUE(ticket);
  EXPECT_THAT(ticket->control, IsEmpty());
  EXPECT_THAT(ticket->token, IsEmpty());
}

TEST(Ticket, whatever_else_a_shell_may_print_is_none) {
  const std::string line = write_ticket(a_ticket());
  const std::string mark = "flagship-ticket ";
  for (const std::string& other :
       {std::string(), std::string("\n"), std::string("Welcome to the cluster"),
        line.substr(mark.size()), " " + line, line.substr(0, line.size() - 2) + "\n", mark + "0",
        mark + "xy", mark + "AB", mark + "ff", mark + "0a 0b", line + "\n",
        line.substr(0, line.size() - 1) + "\r\n"})
    EXPECT_FALSE(read_ticket(other)) << other;
}

// ---- agent to master --------------------------------------------------------------------------

TEST(FromAgent, a_greeting_makes_the_round_trip) {
  const Greeting greeting =
      sent_up(Greeting{9, ~0ull, kBytes, {3, 4}, "build", "1.2", "host\xff", 77, 64, 1ull << 40});
  EXPECT_EQ(greeting.protocol, 9u);
  EXPECT_EQ(greeting.run, ~0ull);
  EXPECT_EQ(greeting.token, kBytes);
  EXPECT_EQ(greeting.agent.worker, 3u);
  EXPECT_EQ(greeting.agent.incarnation, 4u);
  EXPECT_EQ(greeting.build_id, "build");
  EXPECT_EQ(greeting.version, "1.2");
  EXPECT_EQ(greeting.host, "host\xff");
  EXPECT_EQ(greeting.pid, 77);
  EXPECT_EQ(greeting.cpus, 64u);
  EXPECT_EQ(greeting.memory, 1ull << 40);
}

TEST(FromAgent, a_beat_makes_the_round_trip) {
  const Beat beat = sent_up(Beat{12345, 3ms, -7s, {{0, 0, 0}, {77, 2, 5}}});
  EXPECT_EQ(beat.sent_ns, 12345u);
  EXPECT_EQ(beat.round_trip, 3ms);
  EXPECT_EQ(beat.clock_skew, -7s) << "its clock may be behind";
  ASSERT_THAT(beat.workers, SizeIs(2));
  EXPECT_EQ(beat.workers[0].pid, 0);
  EXPECT_EQ(beat.workers[1].pid, 77);
  EXPECT_EQ(beat.workers[1].state, 2u);
  EXPECT_EQ(beat.workers[1].held, 5u);
  EXPECT_THAT(sent_up(Beat{}).workers, IsEmpty());
}

TEST(FromAgent, leaving_and_what_was_printed_make_the_round_trip) {
  const Leaving leaving = sent_up(Leaving{"its time is \xff over", true});
  EXPECT_EQ(leaving.reason, "its time is \xff over");
  EXPECT_TRUE(leaving.now);
  EXPECT_FALSE(sent_up(Leaving{"soon", false}).now);
  const Printed printed = sent_up(Printed{3, 77, kBytes});
  EXPECT_EQ(printed.worker, 3u);
  EXPECT_EQ(printed.pid, 77);
  EXPECT_EQ(printed.text, kBytes);
}

TEST(FromAgent, a_beat_with_columns_of_unequal_length_is_malformed) {
  const std::vector<void (*)(v1::Beat&)> spoilers = {
      [](v1::Beat& b) { b.add_pids(1); }, [](v1::Beat& b) { b.add_states(1); },
      [](v1::Beat& b) { b.add_held(1); }, [](v1::Beat& b) { b.clear_states(); },
      [](v1::Beat& b) { b.clear_held(); }};
  for (std::size_t i = 0; i < spoilers.size(); ++i) {
    v1::FromAgent message;
    ASSERT_TRUE(message.ParseFromString(write(Beat{0, 0ns, 0ns, {{1, 1, 1}, {2, 2, 2}}})));
    ASSERT_TRUE(read_from_agent(message.SerializeAsString()));
    spoilers[i](*message.mutable_beat());
    EXPECT_FALSE(read_from_agent(message.SerializeAsString())) << i;
  }
}

// ---- master to agent --------------------------------------------------------------------------

TEST(ToAgent, a_welcome_makes_the_round_trip) {
  const AgentWelcome welcome = sent_down(
      AgentWelcome{{3, 4}, {"ipc:///a", "tcp://b:1"}, {"ipc:///c"}, 10s, kBytes, "p", "s"});
  EXPECT_EQ(welcome.agent.worker, 3u);
  EXPECT_EQ(welcome.agent.incarnation, 4u);
  EXPECT_THAT(welcome.tasks, ElementsAre("ipc:///a", "tcp://b:1"));
  EXPECT_THAT(welcome.results, ElementsAre("ipc:///c"));
  EXPECT_EQ(welcome.lease, 10s);
  EXPECT_EQ(welcome.pool, kBytes);
  EXPECT_EQ(welcome.public_key, "p");
  EXPECT_EQ(welcome.secret_key, "s");
}

TEST(ToAgent, a_refusal_and_an_echo_make_the_round_trip) {
  EXPECT_EQ(sent_down(Refusal{"no \xff reason"}).reason, "no \xff reason");
  const Echo echo = sent_down(Echo{1, ~0ull});
  EXPECT_EQ(echo.sent_ns, 1u);
  EXPECT_EQ(echo.now_ns, ~0ull);
}

TEST(Control, nothing_and_garbage_are_malformed) {
  for (const std::string& bytes :
       {std::string(), std::string("\xff\xff\xff"), std::string("garbage"),
        write(FromAgent(Greeting{})).substr(0, 3)}) {
    EXPECT_FALSE(read_from_agent(bytes)) << bytes;
    EXPECT_FALSE(read_to_agent(bytes)) << bytes;
  }
}

// Whatever the bytes, reading ends, and what was read can be written and read again.
TEST(Control, mutated_messages_are_read_or_refused) {
  std::mt19937 random(1);
  const std::vector<std::string> seeds{
      write(FromAgent(Greeting{1, 2, "token", {3, 4}, "id", "1", "host", 5, 6, 7})),
      write(FromAgent(Beat{1, 2ns, 3ns, {{4, 1, 2}, {5, 1, 2}}})),
      write(ToAgent(AgentWelcome{{3, 4}, {"ipc:///a"}, {"ipc:///b"}, 10s, "pool", "p", "s"})),
      write(ToAgent(Echo{1, 2}))};
  for (int i = 0; i < 20'000; ++i) {
    std::string bytes = seeds[random() % seeds.size()];
    for (std::uint32_t n = 1 + random() % 4; n > 0; --n)
      bytes[random() % bytes.size()] = static_cast<char>(random());
    if (random() % 4 == 0) bytes.resize(random() % bytes.size());
    const auto up = read_from_agent(bytes);
    const auto down = read_to_agent(bytes);
    ASSERT_TRUE(!up || read_from_agent(write(*up)));
    ASSERT_TRUE(!down || read_to_agent(write(*down)));
  }
}

// ---- a call that was lost there ---------------------------------------------------------------

TEST(LostCall, makes_the_round_trip) {
  Death death;
  death.pid = 4242;
  death.host = "far\xff";
  death.signal = 11;
  death.exit_code = -1;
  death.out_of_memory = true;
  death.memory_limit = std::size_t{1} << 40;
  death.peak_rss = std::size_t{1} << 41;
  death.user = 5s;
  death.system = 7ms;
  death.stderr_tail = kBytes;
  death.backtrace = "at f\nat main";
  const LostCall lost = unpack_lost(pack_lost(death, kBytes));
  EXPECT_EQ(lost.notes, kBytes);
  EXPECT_EQ(lost.death.pid, 4242);
  EXPECT_EQ(lost.death.host, "far\xff");
  EXPECT_EQ(lost.death.signal, 11);
  EXPECT_EQ(lost.death.exit_code, -1);
  EXPECT_TRUE(lost.death.out_of_memory);
  EXPECT_EQ(lost.death.memory_limit, std::size_t{1} << 40);
  EXPECT_EQ(lost.death.peak_rss, std::size_t{1} << 41);
  EXPECT_EQ(lost.death.user, 5s);
  EXPECT_EQ(lost.death.system, 7ms);
  EXPECT_EQ(lost.death.stderr_tail, kBytes);
  EXPECT_EQ(lost.death.backtrace, "at f\nat main");
}

TEST(LostCall, an_exit_code_of_zero_is_not_that_there_is_none) {
  Death death;
  death.exit_code = 0;
  EXPECT_EQ(unpack_lost(pack_lost(death, {})).death.exit_code, 0);
  EXPECT_EQ(unpack_lost(pack_lost({}, {})).death.exit_code, -1);
}

TEST(LostCall, of_one_that_cannot_be_read_nothing_is_known) {
  const LostCall lost = unpack_lost("\xff\xff garbage");
  EXPECT_EQ(lost.death.pid, 0);
  EXPECT_EQ(lost.death.exit_code, -1);
  EXPECT_THAT(lost.notes, IsEmpty());
}

}  // namespace
}  // namespace flagship::wire
