// SPDX-License-Identifier: MIT
// Workers that are only said to be: a test writes what happens at each wait of the loop, and runs
// the loop in its own thread. What the loop did is in public fields.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "common/wire/down.hpp"
#include "common/wire/up.hpp"
#include "master/pool/loop/fleet.hpp"

namespace flagship::pool {

inline wire::Blobs blobs_of(const wire::Frames& frames) {
  wire::Blobs blobs;
  for (const wire::Frame& frame : frames) {
    const auto kept = std::make_shared<const std::string>(frame.bytes());
    blobs.push_back({*kept, kept});
  }
  return blobs;
}

class FakeFleet final : public Fleet {
 public:
  using Ref = core::WorkerRef;
  using Step = std::function<void(Happenings&)>;
  struct Call {
    std::uint64_t ticket = 0;
    std::uint32_t place = 0;
    bool notify = false;
    std::string payload;
  };
  class NoWaker final : public detail::Waker {
   public:
    void wake() noexcept override {}
  };

  static constexpr std::size_t kPlaces = 64;

  std::vector<Step> script;  // one for each wait
  std::size_t next_step = 0;
  std::string start_error;  // what `start` answers
  std::vector<Ref> started;
  std::vector<Ref> buried;
  std::vector<std::pair<Ref, int>> signals;
  std::vector<std::pair<Ref, wire::DownReader::Kind>> sent;
  std::vector<std::pair<Ref, Call>> assigned;
  std::map<std::uint32_t, ClaimPage> pages;  // of the latest worker in each place
  std::map<std::uint32_t, Ref> present;
  std::string host_name = "testhost";
  std::set<std::uint32_t> agents;  // the workers that are of other hosts
  std::vector<std::pair<Ref, std::vector<std::uint64_t>>> named;  // in recalls and interrupts
  int weighed = 0;

  static pid_t pid_of(Ref ref) { return static_cast<pid_t>(1000 * ref.incarnation + ref.id); }

  std::string start(Ref ref) override {
    started.push_back(ref);
    if (!start_error.empty()) return start_error;
    pages[ref.id] = ClaimPage::create(kPlaces);
    present[ref.id] = ref;
    return {};
  }
  void send(Ref ref, wire::Frames&& message) override {
    const wire::Blobs blobs = blobs_of(message);
    wire::DownReader reader;
    sent.emplace_back(ref, reader.read(blobs));
    using Kind = wire::DownReader::Kind;
    if (sent.back().second == Kind::recall || sent.back().second == Kind::interrupt)
      named.push_back({ref, {reader.tickets().begin(), reader.tickets().end()}});
    if (sent.back().second != Kind::assign) return;
    while (const auto call = reader.next())
      assigned.push_back(
          {ref, {call->ticket, call->place, call->notify, std::string(call->payload)}});
  }
  void signal(Ref ref, int signal) override { signals.emplace_back(ref, signal); }
  void weigh() override { ++weighed; }
  ClaimPage& claims(Ref ref) override { return pages.at(ref.id); }
  pid_t pid(Ref ref) const override { return pid_of(ref); }
  const std::string& host(Ref) const override { return host_name; }
  bool is_agent(Ref ref) const override { return agents.contains(ref.id); }
  void bury(Ref ref) override {
    buried.push_back(ref);
    if (present[ref.id] == ref) pages.erase(ref.id);
  }
  void wait(detail::Deadline deadline, Happenings& out) override {
    if (next_step < script.size()) return script[next_step++](out);
    if (!deadline) throw std::runtime_error("the loop waits for what the script does not bring");
    std::this_thread::sleep_until(*deadline);
  }
  std::shared_ptr<detail::Waker> waker() override { return std::make_shared<NoWaker>(); }
};

}  // namespace flagship::pool
