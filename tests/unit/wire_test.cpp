// SPDX-License-Identifier: MIT
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "common/wire/down.hpp"
#include "common/wire/up.hpp"
#include "flagship/v1/wire.pb.h"
#include "tests/unit/fake_fleet.hpp"

namespace flagship::wire {
namespace {

using namespace std::chrono_literals;
using pool::blobs_of;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;
using testing::SizeIs;

Blobs blobs_of_message(const google::protobuf::MessageLite& message,
                       std::vector<std::string> more = {}) {
  Frames frames = one_frame(message.SerializeAsString());
  for (std::string& frame : more) frames.push_back({std::move(frame), nullptr});
  return blobs_of(frames);
}

constexpr std::uint64_t make_ticket_like(std::uint32_t n) {
  return std::uint64_t{n} << 32 | (n + 5);
}

v1::Down assign_of_two() {
  v1::Down message;
  v1::Assign& assign = *message.mutable_assign();
  for (std::uint32_t i = 0; i < 2; ++i) {
    assign.add_tickets(i);
    assign.add_places(i);
    assign.add_functions(i);
    assign.add_sizes(1);
  }
  assign.set_payloads("ab");
  return message;
}

v1::Up results_of_two() {
  v1::Up message;
  v1::Results& results = *message.mutable_results();
  for (std::uint32_t i = 0; i < 2; ++i) {
    results.add_tickets(i);
    results.add_endings(i);
    results.add_sizes(1);
  }
  results.set_payloads("ab");
  return message;
}

// ---- down -------------------------------------------------------------------------------------

TEST(Down, welcome_makes_the_round_trip) {
  DownWriter writer;
  const Blobs blobs = blobs_of(writer.welcome({3, 1500us, 99, "payload"}));
  DownReader reader;
  ASSERT_EQ(reader.read(blobs), DownReader::Kind::welcome);
  const Welcome welcome = reader.welcome();
  EXPECT_EQ(welcome.concurrency, 3u);
  EXPECT_EQ(welcome.flush_after, 1500us);
  EXPECT_EQ(welcome.initializer_function, 99u);
  EXPECT_EQ(welcome.initializer, "payload");
}

TEST(Down, drain_makes_the_round_trip) {
  DownWriter writer;
  DownReader reader;
  EXPECT_EQ(reader.read(blobs_of(writer.drain())), DownReader::Kind::drain);
}

TEST(Down, what_an_agent_is_told_makes_the_round_trip) {
  DownWriter writer;
  DownReader reader;
  const std::vector<std::uint64_t> tickets{1, ~0ull};
  ASSERT_EQ(reader.read(blobs_of(writer.recall(tickets))), DownReader::Kind::recall);
  EXPECT_THAT(reader.tickets(), ElementsAre(1, ~0ull));
  ASSERT_EQ(reader.read(blobs_of(writer.interrupt({tickets.data(), 1}))),
            DownReader::Kind::interrupt);
  EXPECT_THAT(reader.tickets(), ElementsAre(1));
  ASSERT_EQ(reader.read(blobs_of(writer.recall({}))), DownReader::Kind::recall);
  EXPECT_THAT(reader.tickets(), IsEmpty());
  ASSERT_EQ(reader.read(blobs_of(writer.signal(15))), DownReader::Kind::signal);
  EXPECT_EQ(reader.signal(), 15);
}

TEST(Down, attempts_and_time_limits_travel_with_the_calls_that_have_some) {
  DownWriter writer;
  DownReader reader;
  for (int round = 0; round < 2; ++round) {
    writer.add({1, 1, 7, false, "", 1, 0ns}, nullptr);
    writer.add({2, 2, 7, false, "", 3, 0ns}, nullptr);
    writer.add({3, 3, 7, false, "", 1, 20s}, nullptr);
    writer.add({4, 4, 7, false, "", 1, 0ns}, nullptr);
    writer.add({5, 5, 7, false, "", 2, 1ns}, nullptr);
    const Blobs blobs = blobs_of(writer.take_assign());
    ASSERT_EQ(reader.read(blobs), DownReader::Kind::assign);
    std::vector<std::pair<std::uint32_t, std::chrono::nanoseconds>> terms;
    while (const auto call = reader.next()) terms.emplace_back(call->attempt, call->timeout);
    EXPECT_THAT(terms,
                ElementsAre(Pair(1, 0ns), Pair(3, 0ns), Pair(1, 20s), Pair(1, 0ns), Pair(2, 1ns)));
  }
}

TEST(Down, terms_of_calls_that_are_not_there_are_passed_over) {
  v1::Down message = assign_of_two();
  for (const std::uint32_t index : {7u, 0u}) {
    message.mutable_assign()->add_terms()->set_index(index);
    message.mutable_assign()->add_terms()->set_attempt(9);
  }
  const Blobs blobs = blobs_of_message(message);
  DownReader reader;
  ASSERT_EQ(reader.read(blobs), DownReader::Kind::assign);
  int read = 0;
  for (; const auto call = reader.next(); ++read) EXPECT_EQ(call->attempt, 1u);
  EXPECT_EQ(read, 2);
}

TEST(Down, an_attempt_of_none_is_the_first) {
  v1::Down message = assign_of_two();
  message.mutable_assign()->add_terms()->set_index(0);
  const Blobs blobs = blobs_of_message(message);
  DownReader reader;
  ASSERT_EQ(reader.read(blobs), DownReader::Kind::assign);
  EXPECT_EQ(reader.next()->attempt, 1u);
}

TEST(Down, a_batch_of_calls_makes_the_round_trip_large_payloads_as_frames_of_their_own) {
  DownWriter writer;
  DownReader reader;
  for (int round = 0; round < 2; ++round) {  // buffers are reused
    const auto large = std::make_shared<const std::string>(kOwnFrameBytes, 'L');
    writer.add({make_ticket_like(1), 10, 100, false, "first"}, nullptr);
    writer.add({make_ticket_like(2), 11, 101, true, {}}, large);
    writer.add({make_ticket_like(3), 12, 100, false, ""}, nullptr);
    writer.add({make_ticket_like(4), 13, 100, true, std::string_view("\0x", 2)}, nullptr);
    EXPECT_EQ(writer.batched(), 4u);
    const Frames frames = writer.take_assign();
    ASSERT_THAT(frames, SizeIs(2));
    EXPECT_EQ(frames[1].shared, large) << "not copied";
    EXPECT_EQ(writer.batched(), 0u);
    const Blobs blobs = blobs_of(frames);
    ASSERT_EQ(reader.read(blobs), DownReader::Kind::assign);
    EXPECT_EQ(reader.calls(), 4u);
    std::vector<std::string> payloads;
    std::vector<std::uint64_t> functions;
    std::vector<bool> notify;
    while (const auto call = reader.next()) {
      payloads.emplace_back(call->payload);
      functions.push_back(call->function);
      notify.push_back(call->notify);
      EXPECT_EQ(call->ticket, make_ticket_like(call->place - 9));
    }
    EXPECT_THAT(payloads, ElementsAre("first", *large, "", std::string("\0x", 2)));
    EXPECT_THAT(functions, ElementsAre(100, 101, 100, 100));
    EXPECT_THAT(notify, ElementsAre(false, true, false, true));
  }
}

TEST(Down, calls_of_one_function_name_it_once) {
  DownWriter writer;
  for (int i = 0; i < 100; ++i) writer.add({1, 1, 77, false, ""}, nullptr);
  const std::size_t same = writer.take_assign()[0].own.size();
  for (int i = 0; i < 100; ++i)
    writer.add({1, 1, 77 + static_cast<std::uint64_t>(i), false, ""}, nullptr);
  EXPECT_GT(writer.take_assign()[0].own.size(), same + 99 * 8);
}

TEST(Down, columns_of_unequal_length_are_malformed) {
  const std::vector<void (*)(v1::Assign&)> spoilers = {
      [](v1::Assign& a) { a.add_tickets(1); },
      [](v1::Assign& a) { a.add_places(1); },
      [](v1::Assign& a) { a.add_functions(1); },
      [](v1::Assign& a) { a.add_sizes(0); },
      [](v1::Assign& a) { a.clear_functions(); },
      [](v1::Assign& a) { a.set_payloads("a"); },
      [](v1::Assign& a) { a.set_payloads("abc"); },
      [](v1::Assign& a) { a.set_sizes(0, kOwnFrame); },
      [](v1::Assign& a) { a.set_sizes(0, kOwnFrame - 1); }};
  DownReader reader;
  ASSERT_EQ(reader.read(blobs_of_message(assign_of_two())), DownReader::Kind::assign);
  for (std::size_t i = 0; i < spoilers.size(); ++i) {
    v1::Down message = assign_of_two();
    spoilers[i](*message.mutable_assign());
    EXPECT_EQ(reader.read(blobs_of_message(message)), DownReader::Kind::malformed) << i;
  }
  EXPECT_EQ(reader.read(blobs_of_message(assign_of_two(), {"extra"})), DownReader::Kind::malformed);
}

TEST(Down, nothing_and_garbage_are_malformed) {
  DownReader reader;
  EXPECT_EQ(reader.read({}), DownReader::Kind::malformed);
  EXPECT_EQ(reader.read(blobs_of(one_frame(""))), DownReader::Kind::malformed);
  EXPECT_EQ(reader.read(blobs_of(one_frame("\xff\xff\xff"))), DownReader::Kind::malformed);
}

// ---- up ---------------------------------------------------------------------------------------

TEST(Up, hello_began_and_bye_make_the_round_trip) {
  UpWriter writer({3, 4});
  UpReader reader;
  Hello hello;
  hello.protocol = 5;
  hello.build_id = "abc";
  hello.version = "1.2";
  hello.pid = 77;
  const Blobs hello_blobs = blobs_of(writer.hello(hello));
  ASSERT_EQ(reader.read(hello_blobs), UpReader::Kind::hello);
  EXPECT_EQ(reader.sender().worker, 3u);
  EXPECT_EQ(reader.sender().incarnation, 4u);
  EXPECT_EQ(reader.hello().protocol, 5u);
  EXPECT_EQ(reader.hello().build_id, "abc");
  EXPECT_EQ(reader.hello().version, "1.2");
  EXPECT_EQ(reader.hello().pid, 77);

  const std::vector<std::uint64_t> tickets{1, ~0ull};
  const Blobs began = blobs_of(writer.began(tickets));
  ASSERT_EQ(reader.read(began), UpReader::Kind::began);
  EXPECT_THAT(reader.tickets(), ElementsAre(1, ~0ull));

  const Blobs bye = blobs_of(writer.bye("no \xff reason"));
  ASSERT_EQ(reader.read(bye), UpReader::Kind::bye);
  EXPECT_EQ(reader.bye_reason(), "no \xff reason");
}

TEST(Up, the_hello_of_an_agent_says_how_wide_and_how_far_it_is) {
  UpWriter writer({3, 4});
  UpReader reader;
  Hello hello;
  const Blobs none = blobs_of(writer.hello(hello));
  ASSERT_EQ(reader.read(none), UpReader::Kind::hello);
  EXPECT_EQ(reader.hello().concurrency, 0u);
  EXPECT_EQ(reader.hello().lag, 0ns);
  hello.concurrency = 64;
  hello.lag = 20ms;
  const Blobs blobs = blobs_of(writer.hello(hello));
  ASSERT_EQ(reader.read(blobs), UpReader::Kind::hello);
  EXPECT_EQ(reader.hello().concurrency, 64u);
  EXPECT_EQ(reader.hello().lag, 20ms);
}

TEST(Up, results_of_an_agent_say_which_of_its_workers_they_are_of) {
  UpWriter writer({1, 1});
  UpReader reader;
  for (int round = 0; round < 2; ++round) {
    std::string payload;
    writer.add(11, CallEnding::worker_died, payload, nullptr);
    writer.add_by({4242, 3});
    writer.add(12, CallEnding::timed_out, payload, nullptr);
    writer.add_by({});
    const Blobs blobs = blobs_of(writer.take_results(1ms));
    ASSERT_EQ(reader.read(blobs), UpReader::Kind::results);
    const auto first = reader.next(), second = reader.next();
    EXPECT_EQ(first->ending, CallEnding::worker_died);
    EXPECT_EQ(first->by.pid, 4242);
    EXPECT_EQ(first->by.worker, 3u);
    EXPECT_EQ(second->ending, CallEnding::timed_out);
    EXPECT_EQ(second->by.pid, 0);
  }
  std::string payload;
  writer.add(13, CallEnding::returned, payload, nullptr);
  const Blobs blobs = blobs_of(writer.take_results(1ms));
  ASSERT_EQ(reader.read(blobs), UpReader::Kind::results);
  EXPECT_EQ(reader.next()->by.pid, 0) << "a worker here need not say";
}

TEST(Up, workers_of_an_agent_that_are_not_as_many_as_its_results_are_malformed) {
  const std::vector<void (*)(v1::Results&)> spoilers = {
      [](v1::Results& r) { r.add_pids(1); }, [](v1::Results& r) { r.add_workers(1); },
      [](v1::Results& r) { r.add_pids(1), r.add_workers(1); },
      [](v1::Results& r) {
        for (int i = 0; i < 3; ++i) r.add_pids(1), r.add_workers(1);
      },
      [](v1::Results& r) {
        for (int i = 0; i < 2; ++i) r.add_pids(1);
      }};
  UpReader reader;
  for (std::size_t i = 0; i < spoilers.size(); ++i) {
    v1::Up message = results_of_two();
    spoilers[i](*message.mutable_results());
    EXPECT_EQ(reader.read(blobs_of_message(message)), UpReader::Kind::malformed) << i;
  }
}

TEST(Up, a_hello_that_is_not_utf8_arrives_as_it_is_and_nothing_is_printed) {
  testing::internal::CaptureStderr();
  UpWriter writer({3, 4});
  UpReader reader;
  Hello hello;
  hello.version = "\xff";
  hello.isolation = {{"layer", LayerState::unavailable, "\xfe"}};
  const Blobs blobs = blobs_of(writer.hello(hello));
  ASSERT_EQ(reader.read(blobs), UpReader::Kind::hello);
  EXPECT_EQ(reader.hello().version, "\xff");
  EXPECT_EQ(reader.hello().isolation.at(0).detail, "\xfe");
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

TEST(Up, hello_says_what_its_worker_is_kept_from) {
  UpWriter writer({3, 4});
  UpReader reader;
  Hello hello;
  hello.isolation = {{"one", LayerState::off},
                     {"two", LayerState::on, "ABI 7"},
                     {"three", LayerState::unavailable, "why"}};
  const Blobs blobs = blobs_of(writer.hello(hello));
  ASSERT_EQ(reader.read(blobs), UpReader::Kind::hello);
  const std::vector<IsolationLayer> layers = reader.hello().isolation;
  ASSERT_EQ(layers.size(), 3u);
  EXPECT_EQ(layers[0].name, "one");
  EXPECT_EQ(layers[0].state, LayerState::off);
  EXPECT_EQ(layers[1].state, LayerState::on);
  EXPECT_EQ(layers[1].detail, "ABI 7");
  EXPECT_EQ(layers[2].state, LayerState::unavailable);
  EXPECT_EQ(layers[2].detail, "why");
}

TEST(Up, a_layer_in_a_state_that_nobody_knows_counts_as_unavailable) {
  v1::Up message;
  message.mutable_hello()->add_isolation()->set_state(77);
  UpReader reader;
  const Blobs blobs = blobs_of(one_frame(message.SerializeAsString()));
  ASSERT_EQ(reader.read(blobs), UpReader::Kind::hello);
  EXPECT_EQ(reader.hello().isolation.at(0).state, LayerState::unavailable);
}

TEST(Up, results_make_the_round_trip_with_endings_usage_and_large_payloads) {
  UpWriter writer({1, 1});
  UpReader reader;
  for (int round = 0; round < 2; ++round) {
    std::string small = "small", large(kOwnFrameBytes, 'L'), raised = "r", none;
    const Usage usage{1s, 2ms, 3us, 4096};
    writer.add(11, CallEnding::returned, small, nullptr);
    writer.add(12, CallEnding::returned, large, &usage);
    writer.add(13, CallEnding::raised, raised, nullptr);
    writer.add(14, CallEnding::recalled, none, nullptr);
    EXPECT_EQ(writer.batched(), 4u);
    EXPECT_EQ(writer.batched_bytes(), 5 + kOwnFrameBytes + 1);
    const Blobs blobs = blobs_of(writer.take_results(9ms));
    EXPECT_EQ(writer.batched(), 0u);
    EXPECT_EQ(writer.batched_bytes(), 0u);
    ASSERT_EQ(reader.read(blobs), UpReader::Kind::results);
    EXPECT_EQ(reader.busy(), 9ms);
    EXPECT_FALSE(reader.all_returned());
    EXPECT_THAT(reader.tickets(), ElementsAre(11, 12, 13, 14));
    const auto first = reader.next(), second = reader.next(), third = reader.next(),
               fourth = reader.next();
    EXPECT_EQ(first->payload, "small");
    EXPECT_EQ(first->owner, nullptr);
    EXPECT_FALSE(first->usage);
    EXPECT_EQ(second->payload.size(), kOwnFrameBytes);
    EXPECT_NE(second->owner, nullptr) << "the frame can be kept";
    ASSERT_TRUE(second->usage);
    EXPECT_EQ(second->usage->wall, 1s);
    EXPECT_EQ(second->usage->user, 2ms);
    EXPECT_EQ(second->usage->system, 3us);
    EXPECT_EQ(second->usage->peak_rss, 4096u);
    EXPECT_EQ(third->ending, CallEnding::raised);
    EXPECT_EQ(fourth->ending, CallEnding::recalled);
    EXPECT_FALSE(reader.next());
  }
}

TEST(Up, results_that_all_returned_carry_no_endings) {
  UpWriter writer({1, 1});
  std::string payload;
  writer.add(1, CallEnding::raised, payload, nullptr);
  writer.take_results({});
  writer.add(2, CallEnding::returned, payload, nullptr);
  const Blobs blobs = blobs_of(writer.take_results({}));
  UpReader reader;
  ASSERT_EQ(reader.read(blobs), UpReader::Kind::results);
  EXPECT_TRUE(reader.all_returned());
  EXPECT_EQ(reader.ending(0), CallEnding::returned);
}

TEST(Up, columns_of_unequal_length_are_malformed) {
  const std::vector<void (*)(v1::Results&)> spoilers = {
      [](v1::Results& r) { r.add_tickets(1); },         [](v1::Results& r) { r.add_endings(0); },
      [](v1::Results& r) { r.add_sizes(0); },           [](v1::Results& r) { r.set_payloads("a"); },
      [](v1::Results& r) { r.set_payloads("abc"); },    [](v1::Results& r) { r.set_endings(0, 8); },
      [](v1::Results& r) { r.set_sizes(1, kOwnFrame); }};
  UpReader reader;
  ASSERT_EQ(reader.read(blobs_of_message(results_of_two())), UpReader::Kind::results);
  for (std::size_t i = 0; i < spoilers.size(); ++i) {
    v1::Up message = results_of_two();
    spoilers[i](*message.mutable_results());
    EXPECT_EQ(reader.read(blobs_of_message(message)), UpReader::Kind::malformed) << i;
  }
  EXPECT_EQ(reader.read(blobs_of_message(results_of_two(), {"extra"})), UpReader::Kind::malformed);
}

TEST(Up, usage_of_results_that_are_not_there_is_passed_over) {
  v1::Up message = results_of_two();
  for (const std::uint32_t index : {7u, 0u})
    message.mutable_results()->add_usage()->set_index(index);
  const Blobs blobs = blobs_of_message(message);
  UpReader reader;
  ASSERT_EQ(reader.read(blobs), UpReader::Kind::results);
  int read = 0;
  while (reader.next()) ++read;
  EXPECT_EQ(read, 2);
}

// Whatever the bytes, reading ends, stays within them, and the sanitizers have nothing to say.
TEST(Wire, mutated_messages_are_read_or_refused) {
  std::mt19937 random(1);
  const std::vector<std::string> seeds{assign_of_two().SerializeAsString(),
                                       results_of_two().SerializeAsString()};
  UpReader up;
  DownReader down;
  for (int i = 0; i < 20'000; ++i) {
    std::string bytes = seeds[random() % 2];
    for (std::uint32_t n = 1 + random() % 4; n > 0; --n)
      bytes[random() % bytes.size()] = static_cast<char>(random());
    if (random() % 4 == 0) bytes.resize(random() % bytes.size());
    Frames frames = one_frame(std::move(bytes));
    if (random() % 3 == 0) frames.push_back({"frame", nullptr});
    const Blobs blobs = blobs_of(frames);
    std::size_t total = 0;
    if (up.read(blobs) == UpReader::Kind::results)
      while (const auto result = up.next())
        for (const char c : result->payload) total += static_cast<unsigned char>(c);
    if (down.read(blobs) == DownReader::Kind::assign)
      while (const auto call = down.next())
        for (const char c : call->payload) total += static_cast<unsigned char>(c);
    ASSERT_LT(total, 10'000u);
  }
}

}  // namespace
}  // namespace flagship::wire
