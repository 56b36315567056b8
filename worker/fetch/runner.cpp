// SPDX-License-Identifier: MIT
#include "worker/fetch/runner.hpp"

#include <sys/epoll.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <deque>
#include <system_error>
#include <vector>

#include "common/os/unique_fd.hpp"
#include "common/wire/raised.hpp"
#include "flagship/serializer.hpp"
#include "flagship/task.hpp"
#include "worker/fetch/engine.hpp"
#include "worker/fetch/held_origins.hpp"
#include "worker/fetch/url.hpp"

namespace flagship::worker {
namespace {

using std::chrono::duration_cast;
using std::chrono::microseconds;
using std::chrono::milliseconds;

constexpr std::size_t kEnough = 128;   // results that go home in one message
constexpr milliseconds kHungry{2};     // how long a result waits when little is queued here,
constexpr int kShare = 64;             // or for this part of what a transfer takes
constexpr milliseconds kFirstLook{1};  // after calls that wait for their origin, whether they were
constexpr milliseconds kLongestLook{50};  // taken back

/// Downloads as many calls at once as it may. When an origin asks to be left alone, what is queued
/// here for it is set aside at once, before the supervisor has heard, and the answer is sent home
/// without waiting for company; whoever set the calls then takes them back.
class FetchRunner {
 public:
  explicit FetchRunner(Session& session)
      : session_(session),
        epoll_(epoll_create1(EPOLL_CLOEXEC)),
        function_(detail::key_of(std::string_view(kFetchTask))),
        engine_(64,
                [this](std::uint64_t token, v1::FetchResult&& result) { ended(token, result); }) {
    watch(session_.fd());
    watch(engine_.fd());
  }

  void run() {
    do {
      receive();
      engine_.step();
      look_after_held();
      start();
      flush();
    } while (wait());
    engine_.complete_shards();
    session_.flush();
  }

 private:
  struct Transfer {
    wire::AssignedCall call;
    v1::FetchRequest request;  // emptied once begun
    Clock::time_point begun{};
    std::string url{};  // once begun
    milliseconds longest_hold{};
  };

  void watch(int fd) {
    epoll_event event{};
    event.events = EPOLLIN;
    if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0)
      throw std::system_error(errno, std::generic_category(), "cannot watch a descriptor");
  }

  void receive() {
    while (session_.receive(false))
      while (const auto call = session_.next()) queue(*call);
  }

  void queue(const wire::AssignedCall& call) {
    try {
      if (call.function == echo_)
        return answer(call, wire::CallEnding::returned, std::string(call.payload));
      if (call.function != function_) return answer(call, wire::CallEnding::unknown_function, "");
      Reader in(call.payload);
      waiting_.push_back({call, in.get<v1::FetchRequest>(), {}});
      waiting_.back().call.payload = {};
      // Another worker died over it, and may have left the beginning.
      if (call.attempt > 1) waiting_.back().request.set_resume(true);
    } catch (const SerializationError& error) {
      answer(call, wire::CallEnding::bad_arguments,
             wire::pack_exception(std::make_exception_ptr(error)));
    }
  }

  void answer(const wire::AssignedCall& call, wire::CallEnding ending, std::string payload) {
    if (session_.begin(call, Clock::now())) session_.finish(call, ending, payload, {});
  }

  void start() {
    while (engine_.in_flight() < session_.concurrency() && !waiting_.empty()) {
      Transfer transfer = std::move(waiting_.front());
      waiting_.pop_front();
      transfer.begun = Clock::now();
      if (is_held(transfer)) {
        aside_.push_back(std::move(transfer));
        continue;
      }
      if (!session_.begin(transfer.call, transfer.begun)) continue;
      const std::uint64_t token = keep(transfer);
      engine_.start(token, transfer.request);
      running_[token].url = std::move(*transfer.request.mutable_url());
    }
  }

  bool is_held(const Transfer& transfer) const {
    return !held_.empty() && held_.holds(fetch::origin_of(transfer.request.url()), transfer.begun);
  }

  // 429 and 503 always mean the origin, and the supervisor thinks so too.
  void heed(const Transfer& transfer, const v1::FetchResult& result) {
    const milliseconds pause(static_cast<long long>(result.retry_after_ms()));
    const bool asks = result.status() == 429 || result.status() == 503;
    if (!asks || pause == milliseconds(0) || pause > transfer.longest_hold) return;
    held_.hold(fetch::origin_of(transfer.url), Clock::now() + pause);
    look_after_ = kFirstLook;
    session_.flush();
  }

  // Those that were taken back are not this worker's any more; those whose origin may be asked
  // again go first.
  void look_after_held() {
    if (held_.empty()) return;
    std::erase_if(aside_, [this](const Transfer& one) { return session_.taken_back(one.call); });
    if (!held_.release(Clock::now())) return;
    waiting_.insert(waiting_.begin(), std::make_move_iterator(aside_.begin()),
                    std::make_move_iterator(aside_.end()));
    aside_.clear();
  }

  std::uint64_t keep(const Transfer& transfer) {
    if (free_.empty()) {
      free_.push_back(running_.size());
      running_.emplace_back();
    }
    const std::uint64_t token = free_.back();
    free_.pop_back();
    running_[token].call = transfer.call;
    running_[token].begun = transfer.begun;
    running_[token].longest_hold = milliseconds(transfer.request.limits().max_retry_after_ms());
    return token;
  }

  void ended(std::uint64_t token, const v1::FetchResult& result) {
    const Transfer& transfer = running_[token];
    result_.clear();
    Writer(result_).put(result);
    wire::Usage usage;
    usage.wall = Clock::now() - transfer.begun;
    session_.finish(transfer.call, wire::CallEnding::returned, result_, usage.wall, &usage);
    usual_time_ += (usage.wall - usual_time_) / 16;
    if (result.has_retry_after_ms()) heed(transfer, result);
    free_.push_back(token);
    start();
  }

  // A result may wait for company while more are about to come: each message costs as much as some
  // transfers. While the supervisor could send more work it waits so briefly that it does not show.
  void flush() {
    if (engine_.in_flight() == 0)
      session_.flush();
    else
      session_.flush_if_due(Clock::now(), enough(), longest_wait());
  }

  bool hungry() const { return waiting_.size() < session_.concurrency() / 2 + 1; }
  std::size_t enough() const {
    return hungry() ? std::clamp<std::size_t>(session_.concurrency() / 4, 1, kEnough) : kEnough;
  }
  microseconds longest_wait() const {
    if (!hungry()) return microseconds::max();
    return std::max<microseconds>(kHungry, duration_cast<microseconds>(usual_time_ / kShare));
  }

  /// False when there is nothing left to do.
  bool wait() {
    if (session_.draining() && engine_.in_flight() == 0 && waiting_.empty()) return false;
    int timeout = -1;
    if (const auto due = session_.flush_due(longest_wait())) {
      const auto left = std::chrono::ceil<milliseconds>(*due - Clock::now());
      timeout = static_cast<int>(std::max<long long>(0, left.count()));
    }
    if (!aside_.empty()) {
      const int look = static_cast<int>(look_after_.count());
      timeout = timeout < 0 ? look : std::min(timeout, look);
      look_after_ = std::min(2 * look_after_, kLongestLook);
    }
    std::array<epoll_event, 2> events;
    epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), timeout);
    return true;
  }

  Session& session_;
  UniqueFd epoll_;
  const std::uint64_t function_;
  const std::uint64_t echo_ = detail::key_of(std::string_view(kEchoTask));
  fetch::Engine engine_;
  std::deque<Transfer> waiting_;
  std::vector<Transfer> aside_;  // until their origin may be asked again
  fetch::HeldOrigins held_;
  milliseconds look_after_ = kFirstLook;
  std::chrono::nanoseconds usual_time_{};  // of the last transfers
  std::vector<Transfer> running_;          // by token
  std::vector<std::uint64_t> free_;
  std::string result_;
};

}  // namespace

void run_fetches(Session& session) {
  // Never destroyed: the process ends now, and its connections, of which there may be thousands,
  // with it, at a fraction of what libcurl would take.
  auto* const runner = new FetchRunner(session);
  runner->run();
}

void prepare_fetches() { const fetch::Engine first(1, nullptr); }

}  // namespace flagship::worker
