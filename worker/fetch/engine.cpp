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
#include "worker/fetch/text.hpp"
#include "worker/fetch/transfer.hpp"

namespace flagship::fetch {
namespace {

constexpr std::size_t kConnectionsKeptAtLeast = 4;
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

std::uint32_t epoll_events(int what) {
  return (what & CURL_POLL_IN ? EPOLLIN : 0U) | (what & CURL_POLL_OUT ? EPOLLOUT : 0U);
}

int curl_events(std::uint32_t events) {
  return (events & EPOLLIN ? CURL_CSELECT_IN : 0) | (events & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
         (events & (EPOLLERR | EPOLLHUP) ? CURL_CSELECT_ERR : 0);
}

bool is_failed_lookup(CURLcode code) {
  return code == CURLE_COULDNT_RESOLVE_HOST || code == CURLE_COULDNT_RESOLVE_PROXY;
}

std::string disk_trouble(const std::string& folder) {
  return "cannot write to " + printable(folder, 200) + ": " +
         std::generic_category().message(errno);
}

struct FreeMulti {
  void operator()(CURLM* multi) const { curl_multi_cleanup(multi); }
};

}  // namespace

class Engine::Impl {
 public:
  Impl(std::size_t expected, Done done);
  ~Impl();

  int fd() const { return shared_.poller.fd(); }
  void start(std::uint64_t token, const v1::FetchRequest& request);
  void step();
  std::size_t in_flight() const { return transfers_.size() - free_.size(); }

 private:
  static int on_socket(CURL*, curl_socket_t socket, int what, void* self, void*);
  static int on_timer(CURLM*, long after_ms, void* self);

  void keep_connections(std::size_t count);
  Transfer& take();
  void hop(Transfer& transfer);
  void admit(Transfer& transfer);
  void leave_multi(Transfer& transfer);
  void finish(Transfer& transfer);

  bool busy() const { return curl_due_ <= shared_.now || !ended_.empty(); }
  void settle();
  void run_due();
  void collect();
  void end_hop(Transfer& transfer, CURLcode code);
  void share_failed_lookup(const Transfer& transfer, CURLcode code);
  void expire();
  void admit_released();
  void let_go_on();
  void end_batches();
  void report();
  void arm();

  const Done done_;
  Shared shared_;
  std::unique_ptr<CURLM, FreeMulti> multi_;
  std::vector<std::unique_ptr<Transfer>> transfers_;
  std::vector<Transfer*> free_;
  std::deque<Transfer*> ended_;  // to be reported
  Deadlines deadlines_;
  Clock::time_point curl_due_ = Clock::time_point::max();
  std::size_t kept_ = 0;  // idle connections, at most
  bool stepping_ = false;
  int running_ = 0;
};

Engine::Impl::Impl(std::size_t expected, Done done) : done_(std::move(done)) {
  initialise_libcurl();
  ignore_sigpipe();
  multi_.reset(curl_multi_init());
  if (!multi_) throw std::bad_alloc();
  CURLM* const multi = multi_.get();
  curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, &Impl::on_socket);
  curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, this);
  curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, &Impl::on_timer);
  curl_multi_setopt(multi, CURLMOPT_TIMERDATA, this);
  keep_connections(std::max(expected, kConnectionsKeptAtLeast));
}

Engine::Impl::~Impl() {
  for (const auto& transfer : transfers_) leave_multi(*transfer);
}

int Engine::Impl::on_socket(CURL*, curl_socket_t socket, int what, void* self, void*) {
  auto& poller = static_cast<Impl*>(self)->shared_.poller;
  poller.want(socket, what == CURL_POLL_REMOVE ? 0 : epoll_events(what));
  return 0;
}

int Engine::Impl::on_timer(CURLM*, long after_ms, void* self) {
  auto& due = static_cast<Impl*>(self)->curl_due_;
  if (after_ms < 0) {
    due = Clock::time_point::max();
  } else if (after_ms == 0) {
    due = Clock::time_point::min();
  } else {
    due = Clock::now() + std::chrono::milliseconds(after_ms);
  }
  return 0;
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

// More idle ones are closed, so what is in flight is to have one each.
void Engine::Impl::keep_connections(std::size_t count) {
  if (count <= kept_) return;
  kept_ = count;
  curl_multi_setopt(multi_.get(), CURLMOPT_MAXCONNECTS, static_cast<long>(kept_));
}

Transfer& Engine::Impl::take() {
  if (free_.empty()) {
    transfers_.push_back(std::make_unique<Transfer>(shared_, transfers_.size()));
    if (transfers_.size() > kept_) keep_connections(2 * kept_);
    return *transfers_.back();
  }
  Transfer* const transfer = free_.back();
  free_.pop_back();
  return *transfer;
}

void Engine::Impl::hop(Transfer& transfer) {
  transfer.begin_hop();
  if (transfer.ended()) return finish(transfer);
  const auto deadline = transfer.next_deadline();
  if (deadline != Clock::time_point::max())
    deadlines_.set(transfer.deadline, transfer.index(), deadline);
  admit(transfer);
}

void Engine::Impl::admit(Transfer& transfer) {
  const bool lookup = !transfer.lookup().empty();
  if (lookup && !shared_.lookups.enter(transfer.lookup(), transfer.index(), shared_.now)) return;
  transfer.enter_multi();
  transfer.in_multi = curl_multi_add_handle(multi_.get(), transfer.handle()) == CURLM_OK;
  if (transfer.in_multi) return;
  transfer.fail({v1::PROTOCOL, "libcurl cannot begin the transfer"});
  finish(transfer);
}

void Engine::Impl::leave_multi(Transfer& transfer) {
  if (std::exchange(transfer.in_multi, false))
    curl_multi_remove_handle(multi_.get(), transfer.handle());
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
  for (const auto& [socket, events] : shared_.poller.ready()) {
    curl_multi_socket_action(multi_.get(), socket, curl_events(events), &running_);
  }
  settle();
  stepping_ = false;
  arm();
}

void Engine::Impl::settle() {
  int round = 0;
  do {
    if (curl_due_ <= shared_.now) run_due();
    collect();
    expire();
    admit_released();
    if (!shared_.held_up.empty()) let_go_on();
    end_batches();
    report();
  } while (busy() && ++round < kRounds);
}

void Engine::Impl::run_due() {
  curl_due_ = Clock::time_point::max();
  curl_multi_socket_action(multi_.get(), CURL_SOCKET_TIMEOUT, 0, &running_);
}

void Engine::Impl::collect() {
  int left = 0;
  while (const CURLMsg* message = curl_multi_info_read(multi_.get(), &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    const CURLcode code = message->data.result;
    Transfer* transfer = nullptr;
    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &transfer);
    leave_multi(*transfer);
    end_hop(*transfer, code);
  }
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
    if (transfer.overdue()) {
      finish(transfer);
    } else {
      deadlines_.set(transfer.deadline, *member, transfer.next_deadline());
    }
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
  auto due = ended_.empty() ? std::min(curl_due_, deadlines_.next()) : Clock::time_point::min();
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
    engine.emplace(kConnectionsKeptAtLeast,
                   [](std::uint64_t, v1::FetchResult&& result) { ended = std::move(result); });
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
