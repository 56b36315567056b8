// SPDX-License-Identifier: MIT
#include "master/fetch/run.hpp"

#include <algorithm>
#include <functional>
#include <utility>

#include "worker/fetch/url.hpp"

namespace flagship::fetch {
namespace {

constexpr std::chrono::hours kLong{1};
constexpr std::size_t kMostAtOnce = 1024;        // items, before other things get their turn
constexpr std::size_t kCompletedAtOnce = 64;     // likewise, of those that have ended
constexpr std::size_t kReserve = 1024;           // items that are known beyond those handed out
constexpr std::size_t kLookAtOnce = 256;         // likewise, when nothing is urgent
constexpr std::uint64_t kMostOfRules = 8 << 20;  // bytes of a robots.txt, which end somewhere

v1::FetchResult error_result(v1::FetchClass why, std::string reason) {
  v1::FetchResult result;
  result.set_outcome(v1::FETCH_ERROR);
  result.set_error_class(why);
  result.set_reason(std::move(reason));
  return result;
}

}  // namespace

Run::Run(AnyExecutor executor, RunOptions options, Observer& observer)
    : executor_(executor),
      view_(executor_.with(CallOptions{.notify_running = options.trace})),
      options_(std::move(options)),
      observer_(observer),
      completions_(std::vector<ResultFuture>(), std::nullopt),
      plan_(options_.plan),
      robots_(options_.robots_agent) {}

// The flag stays where the interruption of a wait that was over anyway is lost.
void Run::wake() {
  woken_ = true;
  completions_.interrupt();
}

void Run::stop() {
  stopping_ = true;
  wake();
}

void Run::abandon() {
  abandoned_ = true;
  stop();
}

Totals Run::operator()(Source& source) {
  now_ = Clock::now();
  if (!options_.first_task.empty()) wait_for_worker();
  for (;;) {
    if (woken_.exchange(false)) source_dry_ = false;
    heed_stop();
    const bool more = hand_out(source);
    if (finished()) return totals_;
    auto future = completions_.next_before(now_);
    if (!future && !more && !look_around(source)) future = wait();
    now_ = Clock::now();
    // Who takes them together hands out together: each message wakes several threads.
    for (std::size_t turn = 1; future; ++turn) {
      on_completed(*future);
      future = turn < kCompletedAtOnce ? completions_.next_before(now_) : std::nullopt;
    }
  }
}

void Run::wait_for_worker() {
  first_ = view_.submit_named<v1::FetchResult>(options_.first_task, v1::FetchResult());
  completions_.add(*first_);
}

std::optional<ResultFuture> Run::wait() {
  Clock::time_point limit = next_wake();
  if (const auto wish = observer_.idle(totals_)) limit = std::min(limit, *wish);
  if (woken_) limit = now_;
  if (completions_.unfinished() > 0) return completions_.next_before(limit);
  completions_.sleep_until(limit);
  return std::nullopt;
}

bool Run::finished() const { return plan_.items() == 0 && (source_ended_ || ending_); }

Run::Clock::time_point Run::next_wake() const {
  Clock::time_point limit = now_ + kLong;
  if (const auto wish = plan_.next_wake()) limit = std::min(limit, *wish);
  if (could_look_around()) limit = std::min(limit, plan_.slow_from());
  if (stop_limit_ && !killed_) limit = std::min(limit, *stop_limit_);
  return limit;
}

// ---- items in -----------------------------------------------------------------------------------

// True when there may be more to hand out at once: lines that hold no URL end on the spot, and
// there may be no end of them. The list is read a little ahead, so that the first origin in it does
// not get all places, and further while there are places that nobody may have.
bool Run::hand_out(Source& source) {
  if (first_ && !ending_) return false;
  for (std::size_t turn = 0; !ending_ && !enough_ && turn < kMostAtOnce; ++turn) {
    if (items() < plan_.handed_out() + kReserve && take_in(source)) continue;
    if (const auto id = plan_.next(now_))
      submit(*id);
    else if (!plan_.hungry() || !take_in(source))
      return follow_plan();
  }
  follow_plan();
  return !ending_;
}

bool Run::could_look_around() const {
  return !ending_ && !source_ended_ && !source_dry_ && !full();
}

// While those in flight take their time, the list is read further: other origins may be in it.
bool Run::look_around(Source& source) {
  if (!could_look_around() || now_ < plan_.slow_from()) return false;
  for (std::size_t turn = 0; !enough_ && turn < kLookAtOnce; ++turn)
    if (!take_in(source)) return turn > 0;
  return true;
}

// False when the source has nothing, or there is no room for it.
bool Run::take_in(Source& source) {
  if (source_ended_ || source_dry_ || full()) return false;
  Next next = source.next();
  source_dry_ = std::holds_alternative<NotYet>(next);
  source_ended_ = std::holds_alternative<AtEnd>(next);
  if (source_dry_ || source_ended_) return false;
  Item& item = std::get<Item>(next);
  if (!item.trouble.empty()) {
    const v1::FetchClass why = item.trouble_class;
    std::string trouble = item.trouble;
    refuse(std::move(item), why, std::move(trouble));
    return true;
  }
  admit(std::move(item));
  return true;
}

void Run::refuse(Item&& item, v1::FetchClass why, std::string reason) {
  auto result = error_result(why, std::move(reason));
  if (why == v1::NONE) result.set_outcome(v1::FETCH_SKIPPED);
  conclude({std::move(item), 0}, std::move(result), {});
}

// What its origin asks of robots comes first, as an attempt like any other.
void Run::admit(Item&& item) {
  const std::string& origin = origin_of_item(item.url);
  if (robots_.open() || origin.empty()) return add({std::move(item)});
  if (robots_.knows(origin)) return judge(origin, std::move(item));
  const bool first = robots_.wait(origin, std::move(item));
  if (!first) return;
  Attempt rules;
  rules.item.url = origin + "/robots.txt";
  rules.rules = true;
  add(std::move(rules));
}

void Run::judge(const std::string& origin, Item&& item) {
  if (auto refusal = robots_.refusal(origin, item.url))
    return refuse(std::move(item), refusal->error_class, std::move(refusal->reason));
  add({std::move(item)});
}

void Run::take_rules(const Attempt& attempt, const v1::FetchResult& result) {
  const std::string origin = origin_of(attempt.item.url);
  if (ending_) {
    for (const Item& item : robots_.give_up(origin)) never_began(item);
    return;
  }
  for (Item& item : robots_.answered(origin, result)) judge(origin, std::move(item));
}

void Run::add(Attempt&& attempt) {
  if (free_ids_.empty()) {
    free_ids_.push_back(static_cast<Id>(attempts_.size()));
    attempts_.emplace_back();
  }
  const Id id = free_ids_.back();
  free_ids_.pop_back();
  attempts_[id] = std::move(attempt);
  plan_.add(id, origin_of_item(attempts_[id].item.url), now_);
}

// Neighbours in a list tend to have the same.
const std::string& Run::origin_of_item(const std::string& url) {
  constexpr std::string_view kBehind = "/?#\\";
  if (!last_root_.empty() && url.starts_with(last_root_) &&
      (url.size() == last_root_.size() || kBehind.find(url[last_root_.size()]) != kBehind.npos))
    return last_origin_;
  const std::size_t slashes = url.find("//");
  last_root_ = slashes == std::string::npos
                   ? std::string()
                   : url.substr(0, url.find_first_of(kBehind, slashes + 2));
  last_origin_ = origin_of(url);
  return last_origin_;
}

// ---- attempts -----------------------------------------------------------------------------------

v1::FetchRequest Run::request_for(const Attempt& attempt) const {
  v1::FetchRequest request;
  request.set_url(attempt.item.url);
  request.set_key(attempt.item.key);
  request.set_path(attempt.item.path);
  request.set_resume(options_.resume || attempt.number > 1);
  request.set_expected_sha256(attempt.item.expected_sha256);
  *request.mutable_limits() = options_.limits;
  if (!attempt.item.etag.empty()) request.set_if_none_match(attempt.item.etag);
  if (!attempt.item.last_modified.empty())
    request.set_if_modified_since(attempt.item.last_modified);
  if (attempt.rules) {
    request.set_return_bytes(RobotsRules::kMostBytes);
    request.mutable_limits()->set_max_bytes(kMostOfRules);
  }
  return request;
}

void Run::submit(Id id) {
  Attempt& attempt = attempts_[id];
  ResultFuture future = view_.submit_named<v1::FetchResult>("fetch", request_for(attempt));
  if (options_.trace && !attempt.rules) {
    observer_.scheduled(attempt.item, future);
    future.add_running_callback(
        [this, item = attempt.item](const ResultFuture& begun) { observer_.began(item, begun); });
  }
  completions_.add(future);
  attempt.future = future;
  out_.emplace(std::move(future), id);
}

v1::FetchResult Run::result_of(const ResultFuture& future, std::optional<WorkerDied>& death) const {
  try {
    return future.result();
  } catch (const WorkerDied& died) {
    if (killed_) return error_result(v1::CANCELLED, "interrupted");
    death = died;
    return error_result(v1::WORKER_DIED, died.what());
  } catch (const TaskTimeout&) {
    return error_result(v1::TIMEOUT, "its worker did not answer, and was ended");
  } catch (const BrokenExecutor&) {
    throw;
  } catch (const std::exception& error) {
    return error_result(v1::PROTOCOL, error.what());
  }
}

void Run::on_completed(const ResultFuture& future) {
  std::optional<WorkerDied> death;
  if (first_ == future) {
    first_.reset();
    if (!future.cancelled()) result_of(future, death);  // throws when there will be no worker
    return;
  }
  const Id id = out_.extract(future).mapped();
  Attempt& attempt = attempts_[id];
  attempt.future.reset();
  if (options_.trace && !attempt.rules) observer_.completed(attempt.item, future);
  if (future.cancelled()) {
    plan_.put_back(id, now_);
    if (ending_) leave(release(id));
    return;
  }
  v1::FetchResult result = result_of(future, death);
  const Outcome where = future.try_outcome().value_or(Outcome{});
  attempt.lost += std::max(0, where.attempt - 1);
  plan_.ended(id, sight_of(result), result.error_class(), now_);
  if (const auto pause = asked_pause(options_.retry, result)) plan_.hold(id, now_ + *pause, now_);
  const double chance = std::uniform_real_distribution<double>(0, 1)(random_);
  const auto wait =
      ending_ ? std::nullopt : wait_before_retry(options_.retry, result, attempt.number, chance);
  if (wait) {
    if (!attempt.rules)
      observer_.failed(attempt.item, attempt.number + attempt.lost, result, where);
    ++attempt.number;
    attempt.last = std::make_unique<Failure>(Failure{std::move(result), where});
    plan_.retry(id, now_ + *wait, now_);
  } else {
    conclude(release(id), std::move(result), where, std::move(death));
  }
  follow_plan();
}

// What it decided of itself. What is recalled and has not begun comes back as cancelled. True when
// items ended by it, so that there is room for others.
bool Run::follow_plan() {
  for (const Id id : plan_.take_recalls())
    if (attempts_[id].future) attempts_[id].future->cancel();
  for (const PlanNews& news : plan_.take_news()) observer_.heard(news);
  const auto lost = plan_.take_lost();
  for (const Plan::Lost& item : lost) lose(item);
  return !lost.empty();
}

void Run::lose(const Plan::Lost& lost) {
  const std::string why =
      "tried, since nothing comes from " + plan_.origin_of(lost.id) + " for more than two minutes";
  Attempt attempt = release(lost.id);
  if (attempt.last) {
    attempt.last->result.set_reason(attempt.last->result.reason() + "; not " + why + ", again");
    return conclude_as_it_failed(std::move(attempt));
  }
  attempt.number = 0;
  conclude(std::move(attempt),
           error_result(static_cast<v1::FetchClass>(lost.trouble), "not " + why), {});
}

Run::Attempt Run::release(Id id) {
  plan_.remove(id, now_);
  free_ids_.push_back(id);
  return std::move(attempts_[id]);
}

// ---- ends ---------------------------------------------------------------------------------------

void Run::conclude(Attempt&& attempt, v1::FetchResult&& result, const Outcome& where,
                   std::optional<WorkerDied>&& death) {
  if (attempt.rules) return take_rules(attempt, result);
  ItemReport report{
      std::move(attempt.item), std::move(result), attempt.number + attempt.lost, where,
      std::move(death),        attempt.left};
  if (options_.order == Order::completion) return emit(std::move(report));
  const std::uint64_t turn = report.item.index;
  out_of_turn_.emplace(turn, std::move(report));
  emit_in_turn();
}

// What it waited for does not come: it ends as it last failed, or never began and has no end to
// report.
void Run::leave(Attempt&& attempt) {
  if (attempt.rules) return take_rules(attempt, {});
  if (!attempt.last) return never_began(attempt.item);
  attempt.left = true;
  conclude_as_it_failed(std::move(attempt));
}

void Run::never_began(const Item& item) {
  ++left_out_;
  if (options_.order == Order::input) out_of_turn_.emplace(item.index, std::nullopt);
  emit_in_turn();
}

void Run::conclude_as_it_failed(Attempt&& attempt) {
  const std::unique_ptr<Failure> last = std::move(attempt.last);
  --attempt.number;
  conclude(std::move(attempt), std::move(last->result), last->where);
}

void Run::emit_in_turn() {
  for (auto first = out_of_turn_.begin();
       first != out_of_turn_.end() && first->first == next_turn_;) {
    if (first->second) emit(*std::move(first->second));
    ++next_turn_;
    first = out_of_turn_.erase(first);
  }
}

void Run::emit(ItemReport&& report) {
  switch (report.result.outcome()) {
    case v1::FETCH_OK:
      ++totals_.ok;
      break;
    case v1::FETCH_NOT_FOUND:
      ++totals_.not_found;
      break;
    case v1::FETCH_SKIPPED:
      ++totals_.skipped;
      break;
    default:
      ++totals_.errors;
  }
  totals_.bytes += report.result.outcome() == v1::FETCH_OK ? report.result.bytes() : 0;
  observer_.take(std::move(report), totals_);
  enough_ = enough_ || options_.max_errors.exceeded(totals_.errors, totals_.ended());
}

void Run::heed_stop() {
  if ((stopping_ || enough_) && !ending_) begin_ending();
  if (!stopping_) return;
  if (!stop_limit_) stop_limit_ = Clock::now() + options_.grace;
  if (!killed_ && !out_.empty() && (abandoned_ || *stop_limit_ <= Clock::now())) {
    killed_ = true;
    executor_.kill_workers();
  }
}

void Run::begin_ending() {
  ending_ = true;
  if (first_) first_->cancel();
  for (auto& [future, id] : out_) attempts_[id].future->cancel();
  for (const Id id : plan_.give_up()) leave(release(id));
}

}  // namespace flagship::fetch
