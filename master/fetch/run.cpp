// SPDX-License-Identifier: MIT
#include "master/fetch/run.hpp"

#include <algorithm>
#include <functional>
#include <utility>

#include "worker/fetch/url.hpp"

namespace flagship::fetch {
namespace {

constexpr std::chrono::hours kLong{1};
constexpr std::size_t kMostAtOnce = 1024;  // items, before other things get their turn

v1::FetchResult error_result(v1::FetchClass why, std::string reason) {
  v1::FetchResult result;
  result.set_outcome(v1::FETCH_ERROR);
  result.set_error_class(why);
  result.set_reason(std::move(reason));
  return result;
}

/// "https://host:443"
std::string origin_of(const std::string& url) {
  const std::string scheme = scheme_of(url);
  std::string authority = authority_of(url);
  const auto colon = authority.rfind(':');
  if (colon == std::string::npos || authority.ends_with(']'))
    authority += scheme == "https" ? ":443" : ":80";
  return scheme + "://" + authority;
}

}  // namespace

Run::Run(AnyExecutor executor, RunOptions options, Observer& observer)
    : executor_(executor),
      view_(executor_.with(CallOptions{.notify_running = options.trace})),
      options_(std::move(options)),
      observer_(observer),
      completions_(std::vector<ResultFuture>(), std::nullopt) {}

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

Totals Run::operator()(Source& source, const std::function<void(Item&)>& prepare) {
  for (;;) {
    woken_ = false;
    heed_stop();
    retry_due();
    const bool more = refill(source, prepare);
    if (finished()) return totals_;
    auto future = completions_.next_before(Clock::now());
    if (!future && !more) {
      Clock::time_point limit = next_wake();
      if (const auto wish = observer_.idle(totals_)) limit = std::min(limit, *wish);
      if (woken_) limit = Clock::now();
      if (completions_.unfinished() > 0)
        future = completions_.next_before(limit);
      else
        completions_.sleep_until(limit);
    }
    if (future) on_completed(*future);
  }
}

bool Run::finished() const {
  return attempts_.empty() && waiting_.empty() && (source_ended_ || stop_heeded_);
}

Run::Clock::time_point Run::next_wake() const {
  Clock::time_point limit = Clock::now() + kLong;
  if (!waiting_.empty()) limit = std::min(limit, waiting_.begin()->first);
  if (stop_heeded_ && !killed_) limit = std::min(limit, stop_limit_);
  return limit;
}

// True when the source may have more at once: lines that hold no URL end on the spot, and there may
// be no end of them.
bool Run::refill(Source& source, const std::function<void(Item&)>& prepare) {
  for (std::size_t turn = 0; !source_ended_ && !stop_heeded_ && under_way() < options_.window;
       ++turn) {
    if (turn == kMostAtOnce) return true;
    Next next = source.next();
    if (std::holds_alternative<NotYet>(next)) return false;
    if (std::holds_alternative<AtEnd>(next)) {
      source_ended_ = true;
      return false;
    }
    Item& item = std::get<Item>(next);
    if (!item.trouble.empty()) {
      auto result = error_result(item.trouble_class, item.trouble);
      if (item.trouble_class == v1::NONE) result.set_outcome(v1::FETCH_SKIPPED);
      conclude({std::move(item), 0, 0, {}}, std::move(result), {});
      continue;
    }
    prepare(item);
    begin({std::move(item), 1, 0, {}});
  }
  return false;
}

void Run::begin(Attempt&& attempt) {
  if (!held_back_.empty()) {
    const auto held = held_back_.find(origin_of(attempt.item.url));
    if (held != held_back_.end() && held->second > Clock::now()) {
      waiting_.emplace(held->second, std::move(attempt));
      return;
    }
  }
  submit(std::move(attempt));
}

void Run::submit(Attempt&& attempt) {
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
  ResultFuture future = view_.submit_named<v1::FetchResult>("fetch", request);
  if (options_.trace) {
    observer_.scheduled(attempt.item, future);
    future.add_running_callback(
        [this, item = attempt.item](const ResultFuture& begun) { observer_.began(item, begun); });
  }
  completions_.add(future);
  attempts_.emplace(std::move(future), std::move(attempt));
}

v1::FetchResult Run::result_of(const ResultFuture& future, std::optional<WorkerDied>& death) const {
  try {
    return future.result();
  } catch (const WorkerDied& died) {
    if (killed_) return error_result(v1::CANCELLED, "interrupted");
    death = died;
    return error_result(v1::WORKER_DIED, died.what());
  } catch (const BrokenExecutor&) {
    throw;
  } catch (const std::exception& error) {
    return error_result(v1::PROTOCOL, error.what());
  }
}

void Run::on_completed(const ResultFuture& future) {
  auto node = attempts_.extract(future);
  Attempt attempt = std::move(node.mapped());
  if (options_.trace) observer_.completed(attempt.item, future);
  if (future.cancelled())
    return stop_heeded_ ? leave(std::move(attempt)) : begin(std::move(attempt));
  v1::FetchResult result = result_of(future, attempt.death);
  const Outcome where = future.try_outcome().value_or(Outcome{});
  attempt.lost += std::max(0, where.attempt - 1);
  if (const auto pause = asked_pause(options_.retry, result)) hold_back(attempt.item.url, *pause);
  const double chance = std::uniform_real_distribution<double>(0, 1)(random_);
  const auto wait = stop_heeded_
                        ? std::nullopt
                        : wait_before_retry(options_.retry, result, attempt.number, chance);
  if (!wait) return conclude(std::move(attempt), std::move(result), where);
  observer_.failed(attempt.item, attempt.number + attempt.lost, result, where);
  ++attempt.number;
  attempt.last = Failure{std::move(result), where};
  waiting_.emplace(Clock::now() + *wait, std::move(attempt));
}

void Run::retry_due() {
  while (!waiting_.empty() && waiting_.begin()->first <= Clock::now()) {
    Attempt attempt = std::move(waiting_.begin()->second);
    waiting_.erase(waiting_.begin());
    begin(std::move(attempt));
  }
}

// What has not begun there comes back as cancelled, and then waits.
void Run::hold_back(const std::string& url, std::chrono::milliseconds time) {
  const Clock::time_point now = Clock::now();
  std::erase_if(held_back_, [now](const auto& held) { return held.second <= now; });
  const std::string origin = origin_of(url);
  Clock::time_point& until = held_back_[origin];
  until = std::max(until, now + time);
  for (auto& [future, attempt] : attempts_)
    if (origin_of(attempt.item.url) == origin) ResultFuture(future).cancel();
}

void Run::conclude(Attempt&& attempt, v1::FetchResult&& result, const Outcome& where) {
  ItemReport report{std::move(attempt.item),       std::move(result),
                    attempt.number + attempt.lost, where,
                    std::move(attempt.death),      attempt.left};
  if (options_.order == Order::completion) return emit(std::move(report));
  const std::uint64_t turn = report.item.index;
  out_of_turn_.emplace(turn, std::move(report));
  emit_in_turn();
}

// What it waited for does not come: it ends as it last failed, or never began and has no end to
// report.
void Run::leave(Attempt&& attempt) {
  if (attempt.last) {
    Failure last = std::move(*attempt.last);
    --attempt.number;
    attempt.left = true;
    return conclude(std::move(attempt), std::move(last.result), last.where);
  }
  ++left_out_;
  if (options_.order == Order::input) out_of_turn_.emplace(attempt.item.index, std::nullopt);
  emit_in_turn();
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
}

void Run::heed_stop() {
  if (!stopping_) return;
  if (!stop_heeded_) {
    stop_heeded_ = true;
    stop_limit_ = Clock::now() + options_.grace;
    for (auto& [future, attempt] : attempts_) ResultFuture(future).cancel();
    auto waiting = std::exchange(waiting_, {});
    for (auto& [time, attempt] : waiting) leave(std::move(attempt));
  }
  if (!killed_ && !attempts_.empty() && (abandoned_ || stop_limit_ <= Clock::now())) {
    killed_ = true;
    executor_.kill_workers();
  }
}

}  // namespace flagship::fetch
