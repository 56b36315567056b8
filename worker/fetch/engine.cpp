// SPDX-License-Identifier: MIT
#include "worker/fetch/engine.hpp"

#include <curl/curl.h>
#include <poll.h>
#include <signal.h>

#include <algorithm>
#include <cerrno>
#include <deque>
#include <mutex>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "worker/fetch/deadlines.hpp"
#include "worker/fetch/multis.hpp"
#include "worker/fetch/text.hpp"
#include "worker/fetch/transfer.hpp"

namespace flagship::fetch {
namespace {

// A step ends even when each report begins a transfer that fails at once.
constexpr int kRounds = 4;

void initialise_libcurl() {
  static std::once_flag once;
  std::call_once(once, [] {
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
      throw std::runtime_error("libcurl cannot start");
  });
}

// With NOSIGNAL, libcurl leaves SIGPIPE to the program.
void ignore_sigpipe() {
  struct sigaction now {};
  if (::sigaction(SIGPIPE, nullptr, &now) == 0 && now.sa_handler == SIG_DFL)
    ::signal(SIGPIPE, SIG_IGN);
}

struct Prepared {
  Prepared() {
    initialise_libcurl();
    ignore_sigpipe();
  }
};

bool is_failed_lookup(CURLcode code) {
  return code == CURLE_COULDNT_RESOLVE_HOST || code == CURLE_COULDNT_RESOLVE_PROXY;
}

std::string disk_trouble(const std::string& folder) {
  return "cannot write to " + printable(folder, 200) + ": " +
         std::generic_category().message(errno);
}

}  // namespace

class Engine::Impl {
 public:
  Impl(std::size_t expected, Done done);
  ~Impl();

  int fd() const { return shared_.poller.fd(); }
  void start(std::uint64_t token, const v1::FetchRequest& request);
  void step();
  void complete_shards() { shared_.shards.reset(); }
  std::size_t in_flight() const { return transfers_.size() - free_.size(); }

 private:
  Transfer& take();
  void hop(Transfer& transfer);
  void watch(Transfer& transfer);
  void admit(Transfer& transfer);
  void leave_multi(Transfer& transfer);
  void finish(Transfer& transfer);

  bool busy() const { return multis_.due() <= shared_.now || !ended_.empty(); }
  void settle();
  void collect();
  void end_hop(Transfer& transfer, CURLcode code);
  void share_failed_lookup(const Transfer& transfer, CURLcode code);
  void share_late_lookup(const Transfer& transfer, const Ending& ending);
  void expire();
  void admit_released();
  void let_go_on();
  void end_batches();
  void report();
  void arm();

  const Prepared prepared_;
  const Done done_;
  Shared shared_;
  Multis multis_;
  std::vector<std::unique_ptr<Transfer>> transfers_;
  std::vector<Transfer*> free_;
  std::deque<Transfer*> ended_;  // to be reported
  Deadlines deadlines_;
  bool stepping_ = false;
};

Engine::Impl::Impl(std::size_t expected, Done done)
    : done_(std::move(done)), multis_(shared_.poller, expected) {}

Engine::Impl::~Impl() {
  for (const auto& transfer : transfers_) leave_multi(*transfer);
}

// ---- a transfer's way ---------------------------------------------------------------------------

void Engine::Impl::start(std::uint64_t token, const v1::FetchRequest& request) {
  if (!stepping_) shared_.now = Clock::now();
  Transfer& transfer = take();
  transfer.begin(token, request);
  if (transfer.ended()) {
    finish(transfer);
  } else {
    hop(transfer);
  }
  if (!stepping_) arm();
}

Transfer& Engine::Impl::take() {
  if (free_.empty()) {
    transfers_.push_back(std::make_unique<Transfer>(shared_, transfers_.size()));
    return *transfers_.back();
  }
  Transfer* const transfer = free_.back();
  free_.pop_back();
  return *transfer;
}

void Engine::Impl::hop(Transfer& transfer) {
  transfer.begin_hop();
  if (transfer.ended()) return finish(transfer);
  watch(transfer);
  admit(transfer);
}

void Engine::Impl::watch(Transfer& transfer) {
  const auto deadline = transfer.next_deadline();
  if (deadline != Clock::time_point::max())
    deadlines_.set(transfer.deadline, transfer.index(), deadline);
}

void Engine::Impl::admit(Transfer& transfer) {
  const bool lookup = !transfer.lookup().empty();
  if (lookup && !shared_.lookups.enter(transfer.lookup(), transfer.index(), shared_.now)) return;
  transfer.enter_multi();
  if (lookup) watch(transfer);
  transfer.in_multi = multis_.add(transfer.handle(), transfer.index());
  if (transfer.in_multi) return;
  transfer.fail({v1::PROTOCOL, "libcurl cannot begin the transfer"});
  finish(transfer);
}

void Engine::Impl::leave_multi(Transfer& transfer) {
  if (std::exchange(transfer.in_multi, false)) multis_.remove(transfer.handle(), transfer.index());
}

void Engine::Impl::finish(Transfer& transfer) {
  leave_multi(transfer);
  if (!transfer.lookup().empty()) shared_.lookups.leave(transfer.lookup(), transfer.index());
  deadlines_.clear(transfer.deadline);
  ended_.push_back(&transfer);
}

// ---- a step -------------------------------------------------------------------------------------

void Engine::Impl::step() {
  stepping_ = true;
  shared_.now = Clock::now();
  for (const auto& [socket, events] : shared_.poller.ready()) multis_.act(socket, events);
  settle();
  stepping_ = false;
  arm();
}

void Engine::Impl::settle() {
  int round = 0;
  do {
    multis_.run_due(shared_.now);
    collect();
    expire();
    admit_released();
    if (!shared_.held_up.empty()) let_go_on();
    end_batches();
    report();
  } while (busy() && ++round < kRounds);
}

void Engine::Impl::collect() {
  multis_.collect([this](CURL* easy, CURLcode code) {
    Transfer* transfer = nullptr;
    curl_easy_getinfo(easy, CURLINFO_PRIVATE, &transfer);
    leave_multi(*transfer);
    end_hop(*transfer, code);
  });
}

void Engine::Impl::end_hop(Transfer& transfer, CURLcode code) {
  if (is_failed_lookup(code)) share_failed_lookup(transfer, code);
  if (transfer.end_hop(code) == Transfer::Next::report) return finish(transfer);
  if (!transfer.lookup().empty()) shared_.lookups.leave(transfer.lookup(), transfer.index());
  hop(transfer);
}

void Engine::Impl::share_failed_lookup(const Transfer& transfer, CURLcode code) {
  for (const std::size_t member : shared_.lookups.failed(transfer.lookup(), transfer.index())) {
    Transfer& other = *transfers_[member];
    other.end_hop(code);
    finish(other);
  }
}

void Engine::Impl::expire() {
  while (const auto member = deadlines_.due(shared_.now)) {
    Transfer& transfer = *transfers_[*member];
    const auto late = transfer.late_lookup();
    if (transfer.overdue()) {
      if (late) share_late_lookup(transfer, *late);
      finish(transfer);
    } else {
      deadlines_.set(transfer.deadline, *member, transfer.next_deadline());
    }
  }
}

void Engine::Impl::share_late_lookup(const Transfer& transfer, const Ending& ending) {
  for (const std::size_t member : shared_.lookups.failed(transfer.lookup(), transfer.index())) {
    transfers_[member]->fail(ending);
    finish(*transfers_[member]);
  }
}

void Engine::Impl::admit_released() {
  for (const std::size_t member : shared_.lookups.released()) {
    Transfer& transfer = *transfers_[member];
    if (!transfer.ended() && !transfer.in_multi) admit(transfer);
  }
}

void Engine::Impl::let_go_on() {
  // Those that find the bucket shut again queue up behind.
  for (auto count = shared_.held_up.size(); count > 0 && shared_.bucket.open(shared_.now);
       --count) {
    const std::size_t member = shared_.held_up.front();
    shared_.held_up.pop_front();
    transfers_[member]->go_on();
  }
}

// What is dear is done once for all that are complete by now: writing the shard, and with
// --fsync batch, the disk.
void Engine::Impl::end_batches() {
  if (shared_.settings->fields().fsync() != v1::FSYNC_BATCH && !shared_.shards) return;
  std::string trouble;
  if (shared_.shards && !shared_.shards->flush()) trouble = shared_.shards->error();
  const auto unsynced = std::find_if(ended_.begin(), ended_.end(),
                                     [](const Transfer* one) { return one->awaits_sync(); });
  const std::string folder = unsynced == ended_.end() ? "" : (*unsynced)->folder();
  if (!folder.empty() && !sync_file_system(folder)) trouble = disk_trouble(folder);
  for (Transfer* const transfer : ended_)
    if (transfer->awaits_batch()) transfer->end_batch(trouble);
  if (!folder.empty()) sync_folder(folder);
}

void Engine::Impl::report() {
  for (auto count = ended_.size(); count > 0; --count) {
    Transfer& transfer = *ended_.front();
    ended_.pop_front();
    const std::uint64_t token = transfer.token();
    v1::FetchResult result = transfer.result();
    free_.push_back(&transfer);
    done_(token, std::move(result));
  }
}

void Engine::Impl::arm() {
  auto due = ended_.empty() ? std::min(multis_.due(), deadlines_.next()) : Clock::time_point::min();
  if (!shared_.held_up.empty()) due = std::min(due, shared_.bucket.opens_at());
  if (due != Clock::time_point::max()) shared_.poller.wake_at(due);
}

// ---- the class outside --------------------------------------------------------------------------

Engine::Engine(std::size_t expected, Done done)
    : impl_(std::make_unique<Impl>(expected, std::move(done))) {}
Engine::~Engine() = default;
int Engine::fd() const { return impl_->fd(); }
void Engine::start(std::uint64_t token, const v1::FetchRequest& request) {
  impl_->start(token, request);
}
void Engine::step() { impl_->step(); }
void Engine::complete_shards() { impl_->complete_shards(); }
std::size_t Engine::in_flight() const { return impl_->in_flight(); }

namespace {

constexpr int kGiveUpCheckMs = 50;

v1::FetchResult cancelled() {
  v1::FetchResult result;
  result.set_outcome(v1::FETCH_ERROR);
  result.set_error_class(v1::CANCELLED);
  result.set_reason("interrupted");
  return result;
}

}  // namespace

v1::FetchResult fetch(const v1::FetchRequest& request, bool (*give_up)()) {
  thread_local std::optional<v1::FetchResult> ended;
  thread_local std::optional<Engine> engine;
  if (!engine) {
    engine.emplace(1, [](std::uint64_t, v1::FetchResult&& result) { ended = std::move(result); });
  }
  ended.reset();
  engine->start(0, request);
  while (!ended) {
    if (give_up != nullptr && give_up()) {
      engine.reset();
      return cancelled();
    }
    pollfd ready{engine->fd(), POLLIN, 0};
    ::poll(&ready, 1, give_up != nullptr ? kGiveUpCheckMs : -1);
    engine->step();
  }
  return std::move(*ended);
}

}  // namespace flagship::fetch
