// SPDX-License-Identifier: MIT
#include "worker/runtime/session.hpp"

#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <memory>
#include <thread>
#include <utility>

#include "common/build_id.hpp"
#include "common/transport/zmq_message.hpp"
#include "common/version.hpp"
#include "common/wire/raised.hpp"
#include "flagship/error.hpp"

namespace flagship::worker {
namespace {

constexpr std::size_t kBatchBytes = 1 << 20;
constexpr int kByeLingerMs = 1000;
constexpr std::chrono::microseconds kWorthWeighing{100};
constexpr std::chrono::microseconds kFirstNap{20};
constexpr std::chrono::microseconds kLongestNap{1000};
constexpr std::uint32_t kMostUnweighed = 64;
constexpr int kLifelineMs = 1000;
constexpr int kSeldomMs = 30'000;

std::uint32_t stamp_of(const wire::AssignedCall& call) {
  return static_cast<std::uint32_t>(call.ticket >> 32);
}

std::uint64_t resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  std::uint64_t size = 0, resident = 0;
  statm >> size >> resident;
  return resident * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

}  // namespace

Session::Session(const SpawnRequest& request, ClaimPage claims,
                 const std::vector<IsolationLayer>& isolation)
    : request_(request),
      claims_(std::move(claims)),
      context_(1),
      tasks_(context_, ZMQ_PULL),
      results_(context_, ZMQ_PUSH),
      writer_({request.worker, request.incarnation}) {
  tasks_.set(zmq::sockopt::linger, 0);
  tasks_.set(zmq::sockopt::rcvtimeo, kLifelineMs);
  tasks_.set(zmq::sockopt::rcvhwm, static_cast<int>(request.places) * 2);
  tasks_.connect(request.tasks_endpoint);
  results_.set(zmq::sockopt::linger, kByeLingerMs);
  results_.connect(request.results_endpoint);
  wire::Hello hello;
  hello.build_id = detail::build_id();
  hello.version = kVersion;
  hello.pid = getpid();
  hello.isolation = isolation;
  send(writer_.hello(hello));
}

// False: there is none.
bool Session::receive_whole(bool wait) {
  message_.clear();
  const auto flags = wait ? zmq::recv_flags::none : zmq::recv_flags::dontwait;
  auto frame = std::make_shared<zmq::message_t>();
  for (;;) {
    try {
      if (!tasks_.recv(*frame, message_.empty() ? flags : zmq::recv_flags::none)) {
        if (!wait && message_.empty()) return false;
        look_for_supervisor();
        continue;
      }
    } catch (const zmq::error_t& error) {
      if (error.num() != EINTR) throw;
      if (!wait) return false;
      continue;
    }
    if (seldom_) look_seldom(false);
    const bool more = frame->more();
    message_.push_back({frame->to_string_view(), frame});
    if (!more) return true;
    frame = std::make_shared<zmq::message_t>();
  }
}

bool Session::receive(bool wait) {
  do {
    if (!receive_whole(wait)) return false;
  } while (wire::PieceReader::concerns(message_) && !pieces_.take(message_));
  switch (reader_.read(message_)) {
    case wire::DownReader::Kind::welcome:
      welcome_ = reader_.welcome();
      initializer_due_ = welcome_.initializer_function != 0;
      break;
    case wire::DownReader::Kind::drain:
      draining_ = true;
      break;
    case wire::DownReader::Kind::assign:
      break;
    case wire::DownReader::Kind::recall:  // these are for agents
    case wire::DownReader::Kind::interrupt:
    case wire::DownReader::Kind::signal:
    case wire::DownReader::Kind::malformed:
      throw Error("the supervisor sent a message that cannot be read");
  }
  return true;
}

// For who has lost the kernel's signal: a task that changes its user does. Who has it need not look
// so often.
void Session::look_for_supervisor() {
  if (getppid() != request_.supervisor) kill(0, SIGKILL);
  int at_its_death = 0;
  if (prctl(PR_GET_PDEATHSIG, &at_its_death) == 0 && at_its_death == SIGKILL) look_seldom(true);
}

void Session::look_seldom(bool seldom) {
  seldom_ = seldom;
  tasks_.set(zmq::sockopt::rcvtimeo, seldom ? kSeldomMs : kLifelineMs);
}

std::optional<wire::AssignedCall> Session::take_initializer() {
  if (!std::exchange(initializer_due_, false)) return std::nullopt;
  wire::AssignedCall call;
  call.function = welcome_.initializer_function;
  call.payload = welcome_.initializer;
  return call;
}

bool Session::begin(const wire::AssignedCall& call, Clock::time_point now) {
  if (must_arrive_ > 0)
    wait_for_supervisor([this] { return claims_.outbox().has_arrived(must_arrive_); });
  must_arrive_ = 0;
  ClaimPlace& place = claims_[call.place];
  if (too_big_) place.recall(stamp_of(call));
  if (!place.begin(stamp_of(call), now)) {
    give_back(call);
    return false;
  }
  if (call.notify) send(writer_.began({&call.ticket, 1}));
  return true;
}

bool Session::taken_back(const wire::AssignedCall& call) {
  if (!claims_[call.place].is(stamp_of(call), Claim::recalled)) return false;
  give_back(call);
  return true;
}

void Session::give_back(const wire::AssignedCall& call) {
  std::string none;
  writer_.add(call.ticket, wire::CallEnding::recalled, none, nullptr);
  if (!oldest_unsent_) oldest_unsent_ = Clock::now();
}

bool Session::finish(const wire::AssignedCall& call, wire::CallEnding ending, std::string& payload,
                     std::chrono::nanoseconds wall, const wire::Usage* usage) {
  if (payload.size() > request_.max_message_bytes) {
    const SerializationError error(std::to_string(payload.size()) +
                                   " bytes are more than max_message_bytes, " +
                                   std::to_string(request_.max_message_bytes));
    payload = wire::pack_exception(std::make_exception_ptr(error));
    ending = wire::CallEnding::bad_result;
  }
  const bool large = payload.size() >= wire::kOwnFrameBytes;
  keep(call, ending, payload, wall, usage);
  if (!claims_[call.place].finish(stamp_of(call))) return false;
  writer_.add(call.ticket, ending, payload, usage);
  busy_ += wall;
  if (!oldest_unsent_) oldest_unsent_ = Clock::now();
  if (welcome_.max_rss > 0) weigh(wall);
  // What took so long is not to wait for company as well. Where calls overlap each may take long,
  // and many end together: there it is the runner's affair.
  const bool slow = welcome_.concurrency == 1 && wall >= welcome_.flush_after;
  if (large || too_big_ || slow || writer_.batched_bytes() >= kBatchBytes) flush();
  return true;
}

// The death of this worker in the next call must not cost this one. A runner that overlaps calls
// does not wait: its calls are to be tried again anyway.
void Session::keep(const wire::AssignedCall& call, wire::CallEnding ending,
                   const std::string& payload, std::chrono::nanoseconds wall,
                   const wire::Usage* usage) {
  wire::CallResult result;
  result.ticket = call.ticket;
  result.ending = ending;
  result.payload = payload;
  if (usage != nullptr) result.usage = *usage;
  wire::Outbox outbox = claims_.outbox();
  const bool large = payload.size() >= wire::kOwnFrameBytes;
  const auto kept = [&] { return large ? outbox.skip() : outbox.keep(result, wall); };
  if (!kept() && welcome_.concurrency == 1) {
    flush();
    wait_for_supervisor(kept);
  }
  if (large && welcome_.concurrency == 1) must_arrive_ = outbox.end();
}

// It looks here often, since its work depends on it; should it be gone, so is this process.
template <class Condition>
void Session::wait_for_supervisor(Condition condition) {
  for (auto nap = kFirstNap; !condition(); nap = std::min(2 * nap, kLongestNap))
    std::this_thread::sleep_for(nap);
}

// Reading it costs more than a short call, which cannot take much.
void Session::weigh(std::chrono::nanoseconds wall) {
  if (wall < kWorthWeighing && ++unweighed_ < kMostUnweighed) return;
  unweighed_ = 0;
  rss_ = resident_bytes();
  too_big_ = too_big_ || rss_ > welcome_.max_rss;
}

std::optional<Clock::time_point> Session::flush_due(std::chrono::microseconds longest) const {
  if (!oldest_unsent_) return std::nullopt;
  return *oldest_unsent_ + std::min(welcome_.flush_after, longest);
}

void Session::flush_if_due(Clock::time_point now, std::size_t enough,
                           std::chrono::microseconds longest) {
  if (oldest_unsent_ && (writer_.batched() >= enough || now >= *flush_due(longest))) flush();
}

void Session::flush() {
  oldest_unsent_.reset();
  if (writer_.batched() == 0) return;
  send(writer_.take_results(std::exchange(busy_, {}), rss_, claims_.outbox().end()));
}

void Session::say_bye(const std::string& reason) {
  flush();
  send(writer_.bye(reason));
  results_.close();
  context_.close();  // returns when the message is out, or its linger time is over
}

void Session::send(wire::Frames&& message) {
  if (!wire::wants_pieces(message)) return send_whole(std::move(message));
  for (wire::Frames& part : wire::in_pieces(std::move(message))) send_whole(std::move(part));
}

void Session::send_whole(wire::Frames&& message) {
  for (std::size_t i = 0; i < message.size(); ++i) {
    const auto more = i + 1 < message.size() ? zmq::send_flags::sndmore : zmq::send_flags::none;
    zmq::message_t part = wire::message_of(std::move(message[i]));
    for (;;) {
      try {
        results_.send(part, more);
        break;
      } catch (const zmq::error_t& error) {
        if (error.num() != EINTR) throw;
      }
    }
  }
}

}  // namespace flagship::worker
