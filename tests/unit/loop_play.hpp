// SPDX-License-Identifier: MIT
// A loop with workers that are only said to be, played step by step.
#pragma once

#include <gtest/gtest.h>

#include <csignal>
#include <exception>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <typeinfo>
#include <utility>
#include <vector>

#include "common/wire/raised.hpp"
#include "flagship/future.hpp"
#include "master/pool/loop/loop.hpp"
#include "tests/unit/fake_fleet.hpp"

namespace flagship::pool {

using namespace std::chrono_literals;
using Kind = wire::DownReader::Kind;

inline std::string message_of(const std::exception_ptr& error) {
  try {
    if (error) std::rethrow_exception(error);
  } catch (const std::exception& caught) {
    return caught.what();
  }
  return "no error";
}

template <class E, class T>
bool ended_with(const Future<T>& future) {
  if (!future.done() || future.cancelled()) return false;
  try {
    if (const auto error = future.exception()) std::rethrow_exception(error);
  } catch (const E& error) {
    return typeid(error) == typeid(E);
  } catch (...) {
  }
  return false;
}

struct LoopTest : testing::Test {
  using Ref = core::WorkerRef;

  LoopTest() { settings.scheduler.max_workers = 1; }

  void make() {
    auto made = std::make_unique<FakeFleet>();
    fleet = made.get();
    loop.emplace(settings, std::move(made));
  }
  /// Runs the loop through these steps, then shuts it down and lets every worker leave.
  void play(std::vector<FakeFleet::Step> steps) {
    if (!loop) make();
    fleet->script = std::move(steps);
    fleet->script.push_back([this](Happenings&) { loop->mailbox().shutdown(false); });
    for (int i = 0; i < 4; ++i) {
      fleet->script.push_back([this](Happenings& out) {
        keep();
        for (const auto& [id, ref] : fleet->present) gone(out, ref, 0, 0);
      });
    }
    loop->run();
  }
  /// The fleet ends with the loop; what it did is looked at afterwards.
  void keep() {
    started = fleet->started;
    buried = fleet->buried;
    signals = fleet->signals;
    sent = fleet->sent;
    assigned = fleet->assigned;
  }

  Future<int> submit(int argument, int retries = 0, bool notify = false) {
    const auto call =
        detail::Ref<detail::RemoteCallOf<int>>::adopt(new detail::RemoteCallOf<int>("task"));
    Writer(call->payload).put(argument);
    call->function = 7;
    call->retries = retries;
    call->notify = notify;
    call->mailbox = &loop->mailbox();
    loop->mailbox().submit(detail::Ref<detail::RemoteCall>(call.get()));
    return Future<int>(detail::Ref<detail::StateBase>(call.get()));
  }

  void say(Happenings& out, Ref ref, const wire::Frames& frames, pid_t sender = -1) {
    out.messages.push_back({sender < 0 ? FakeFleet::pid_of(ref) : sender, blobs_of(frames)});
  }
  void hello(Happenings& out, Ref ref, std::uint32_t protocol = wire::kProtocol) {
    wire::UpWriter writer({ref.id, ref.incarnation});
    wire::Hello hello;
    hello.protocol = protocol;
    hello.version = "9.9";
    hello.pid = FakeFleet::pid_of(ref);
    hello.isolation = {{"layer", LayerState::on, "of " + std::to_string(ref.incarnation)}};
    say(out, ref, writer.hello(hello));
  }
  void gone(Happenings& out, Ref ref, int signal = SIGKILL, int exit_code = -1) {
    Death death;
    death.pid = FakeFleet::pid_of(ref);
    death.signal = signal;
    death.exit_code = exit_code;
    out.gone.push_back({ref, death});
  }

  const FakeFleet::Call& call(std::size_t i) const { return fleet->assigned.at(i).second; }
  ClaimPlace& place(std::size_t i) { return fleet->pages.at(0)[call(i).place]; }
  bool begin(std::size_t i) { return place(i).begin(core::stamp_of(call(i).ticket)); }
  void finish(std::size_t i) { place(i).finish(core::stamp_of(call(i).ticket)); }
  /// Ends the calls as returned with their number plus 100.
  wire::Frames results(Ref ref, const std::vector<std::size_t>& calls,
                       std::chrono::nanoseconds busy = 1us) {
    wire::UpWriter writer({ref.id, ref.incarnation});
    for (const std::size_t i : calls) {
      std::string payload;
      Writer(payload).put(100 + static_cast<int>(i));
      writer.add(call(i).ticket, wire::CallEnding::returned, payload, nullptr);
    }
    return writer.take_results(busy, 0, outbox().end());
  }
  wire::Outbox outbox() { return fleet->pages.at(0).outbox(); }
  /// What a worker does with a result before it is sent.
  void keep_result(std::size_t i) {
    std::string payload;
    Writer(payload).put(100 + static_cast<int>(i));
    wire::CallResult result;
    result.ticket = call(i).ticket;
    result.payload = payload;
    EXPECT_TRUE(outbox().keep(result, 1us));
  }
  wire::Frames ending(Ref ref, std::size_t i, wire::CallEnding how) {
    wire::UpWriter writer({ref.id, ref.incarnation});
    std::string payload;
    if (how == wire::CallEnding::raised)
      payload = wire::pack_exception(std::make_exception_ptr(std::out_of_range("thrown")));
    writer.add(call(i).ticket, how, payload, nullptr);
    return writer.take_results(1us);
  }
  /// A step that is played again and again until that holds, or ten seconds have passed.
  FakeFleet::Step until(std::function<bool()> holds) {
    const auto patience = detail::Clock::now() + 10s;
    return [this, patience, holds = std::move(holds)](Happenings&) {
      if (holds() || detail::Clock::now() > patience) return;
      std::this_thread::sleep_for(1ms);
      --fleet->next_step;
    };
  }
  /// A step that makes the first worker hold `count` calls, whose futures are in `futures`.
  std::vector<FakeFleet::Step> with_held(int count) {
    return {[this](Happenings&) { futures.push_back(submit(-1)); },
            [this](Happenings& out) { hello(out, kFirst); },
            [this, count](Happenings& out) {
              begin(0), finish(0), say(out, kFirst, results(kFirst, {0}));
              for (int i = 0; i < count; ++i) futures.push_back(submit(i));
            },
            [](Happenings&) {}};
  }

  static constexpr Ref kFirst{0, 1};
  static constexpr Ref kSecond{0, 2};

  LoopSettings settings;
  FakeFleet* fleet = nullptr;
  std::optional<Loop> loop;
  std::vector<Future<int>> futures;
  std::vector<Ref> started, buried;
  std::vector<std::pair<Ref, int>> signals;
  std::vector<std::pair<Ref, Kind>> sent;
  std::vector<std::pair<Ref, FakeFleet::Call>> assigned;
};

template <class Steps>
std::vector<FakeFleet::Step> operator+(std::vector<FakeFleet::Step> first, Steps&& more) {
  for (auto& step : more) first.push_back(std::move(step));
  return first;
}
using Steps = std::vector<FakeFleet::Step>;

}  // namespace flagship::pool
