// SPDX-License-Identifier: MIT
// What a no-op task costs in instructions, stage by stage: everything of a pool but its sockets and
// processes, in one thread, so that callgrind counts the same on each run. scripts/budget runs it.
//
//   task_budget TASKS
#include <valgrind/callgrind.h>

#include <cstdio>
#include <flagship/flagship.hpp>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "common/claim.hpp"
#include "common/wire/down.hpp"
#include "common/wire/up.hpp"
#include "master/pool/loop/fleet.hpp"
#include "master/pool/loop/loop.hpp"
#include "tests/bench/children.hpp"

namespace {

using namespace flagship;
using Ref = core::WorkerRef;

constexpr std::size_t kPlaces = 4096;
constexpr auto kRunningTime = std::chrono::microseconds(1);  // that a call is said to have taken

int noop(int x) { return x; }

/// What was counted since the last one goes to this stage.
void end_of_stage(const char* name) {
  CALLGRIND_DUMP_STATS_AT(name);
  (void)name;
}

wire::Blobs blobs_of(wire::Frames&& frames) {
  wire::Blobs blobs;
  for (wire::Frame& frame : frames) {
    const auto kept = std::make_shared<const std::string>(std::move(frame.own));
    blobs.push_back({*kept, kept});
  }
  return blobs;
}

/// A worker without a process: does with a message what a worker's session and runner do.
class Worker {
 public:
  explicit Worker(Ref ref) : writer_({ref.id, ref.incarnation}) {}

  ClaimPage& claims() { return claims_; }
  wire::Frames hello() {
    wire::Hello hello;
    hello.protocol = wire::kProtocol;
    hello.pid = 1;
    return writer_.hello(hello);
  }
  wire::Frames run(const wire::Blobs& message) {
    if (reader_.read(message) != wire::DownReader::Kind::assign) return {};
    std::chrono::nanoseconds busy{};
    while (const auto call = reader_.next()) {
      if (!claims_[call->place].begin(core::stamp_of(call->ticket)))
        throw std::runtime_error("a call was taken back");
      result_.clear();
      Reader in(call->payload);
      Writer out(result_);
      detail::find_task(call->function)->invoke(in, out);
      wire::CallResult kept;
      kept.ticket = call->ticket;
      kept.payload = result_;
      claims_.outbox().keep(kept, kRunningTime);
      claims_[call->place].finish(core::stamp_of(call->ticket));
      writer_.add(call->ticket, wire::CallEnding::returned, result_, nullptr);
      busy += kRunningTime;
    }
    return writer_.take_results(busy, 0, claims_.outbox().end());
  }

 private:
  ClaimPage claims_ = ClaimPage::create(kPlaces);
  wire::DownReader reader_;
  wire::UpWriter writer_;
  std::string result_;
};

/// Workers that answer at once. What they do is the stage "work"; the loop does the rest.
class InstantFleet final : public pool::Fleet {
 public:
  std::string start(Ref ref) override {
    workers_.insert_or_assign(ref.id, std::make_unique<Worker>(ref));
    answers_.push_back(blobs_of(workers_.at(ref.id)->hello()));
    return {};
  }
  void send(Ref ref, wire::Frames&& message) override {
    inbox_.emplace_back(ref, blobs_of(std::move(message)));
  }
  void signal(Ref ref, int) override { gone_.push_back(ref); }
  void weigh() override {}
  ClaimPage& claims(Ref ref) override { return workers_.at(ref.id)->claims(); }
  pid_t pid(Ref) const override { return 1; }
  const std::string& host(core::WorkerRef) const override { return host_; }
  void bury(Ref) override {}
  std::shared_ptr<detail::Waker> waker() override { return std::make_shared<NoWaker>(); }

  void wait(detail::Deadline, pool::Happenings& out) override {
    end_of_stage("supervise");
    for (auto& [ref, message] : std::exchange(inbox_, {})) {
      wire::Frames answer = workers_.at(ref.id)->run(message);
      if (answer.empty())
        drained(ref, out);
      else
        answers_.push_back(blobs_of(std::move(answer)));
    }
    for (wire::Blobs& answer : answers_) out.messages.push_back({1, std::move(answer)});
    answers_.clear();
    end_of_stage("work");
  }

 private:
  class NoWaker final : public detail::Waker {
   public:
    void wake() noexcept override {}
  };

  // A welcome needs no answer, and who is told to leave leaves.
  void drained(Ref ref, pool::Happenings& out) {
    if (!welcomed_.insert({ref.id, true}).second) out.gone.push_back({ref, {}});
  }

  std::map<std::uint32_t, std::unique_ptr<Worker>> workers_;
  std::map<std::uint32_t, bool> welcomed_;
  std::vector<std::pair<Ref, wire::Blobs>> inbox_;
  std::vector<wire::Blobs> answers_;
  std::vector<Ref> gone_;
  std::string host_ = "here";
};

/// A pool whose loop is run by hand.
class Core final : public detail::ExecutorCore {
 public:
  bool in_process() const override { return false; }
  void submit(detail::Ref<detail::RemoteCall> call) override {
    call->mailbox = &loop_.mailbox();
    loop_.mailbox().submit(std::move(call));
  }
  void shutdown(const ShutdownOptions&) override { loop_.mailbox().shutdown(false); }
  void terminate(int) override {}
  PoolStatus status() const override { return {}; }
  void run() { loop_.run(); }

 private:
  static pool::LoopSettings settings() {
    pool::LoopSettings settings;
    settings.scheduler.max_workers = 2;
    return settings;
  }
  pool::Loop loop_{settings(), std::make_unique<InstantFleet>()};
};

class Pool final : public OwningExecutor {
 public:
  explicit Pool(const std::shared_ptr<Core>& core) : OwningExecutor(core) {}
};

void run(int tasks) {
  const auto core = std::make_shared<Core>();
  const Pool pool(core);
  std::vector<Future<int>> futures;
  futures.reserve(static_cast<std::size_t>(tasks));
  end_of_stage("start");
  for (int i = 0; i < tasks; ++i) futures.push_back(pool.submit<noop>(i));
  end_of_stage("submit");
  pool.shutdown();
  core->run();
  end_of_stage("supervise");
  long long sum = 0;
  for (auto& done : as_completed(futures)) sum += done.result();
  end_of_stage("collect");
  if (sum != static_cast<long long>(tasks) * (tasks - 1) / 2)
    throw std::runtime_error("wrong results");
}

}  // namespace

int main(int argc, char** argv) try {
  init(argc, argv);
  if (argc != 2) {
    std::fputs("usage: task_budget TASKS\n", stderr);
    return 2;
  }
  run(bench::positive("TASKS", argv[1]));
} catch (const std::exception& error) {
  std::fprintf(stderr, "task_budget: %s\n", error.what());
  return 1;
}
