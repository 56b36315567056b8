// SPDX-License-Identifier: MIT
#include "master/fetch/plan/plan.hpp"

#include <algorithm>

namespace flagship::fetch {
namespace {

constexpr std::size_t kMostIdle = 4096;  // origins that are remembered for being in trouble
constexpr std::size_t kRetriesAtLeast = 3;
constexpr std::size_t kRetryShare = 5;  // one place in so many
constexpr std::chrono::milliseconds kLookOver{100};

PlanSettings checked(PlanSettings settings) {
  settings.in_flight = std::max<std::size_t>(1, settings.in_flight);
  settings.per_origin = std::clamp<std::size_t>(settings.per_origin, 1, settings.in_flight);
  return settings;
}

}  // namespace

Plan::Plan(const PlanSettings& settings)
    : settings_(checked(settings)), rate_(settings_.total_rate), sweep_at_(kMostIdle) {}

// ---- items --------------------------------------------------------------------------------------

void Plan::add(Id id, std::string_view name, Time now) {
  Origin& origin = origin_named(name, now);
  if (id >= entries_.size()) entries_.resize(id + 1);
  entries_[id] = {};
  entries_[id].origin = &origin;
  ++items_;
  if (origin.items++ == 0) --idle_;
  if (origin.silence.refuses(now)) return lose(id);
  move(id, &origin.fresh);
  if (origin.fresh.size() == 1) refresh(origin, now);  // else nothing changes
}

std::optional<Plan::Id> Plan::next(Time now) {
  wake(now);
  if (handed_out_ > places_ && now >= look_at_) look_over(now);
  if (ready_.empty() || places_ >= settings_.in_flight || rate_.next() > now) return std::nullopt;
  Origin& origin = *ready_.begin()->origin;
  const Id id = source_of(origin)->first();
  Entry& entry = entries_[id];
  move(id, &origin.out);
  entry.time = now;
  ++handed_out_;
  if (last_ended_ == Time()) last_ended_ = now;
  if (entry.retry) ++origin.retries_out;
  origin.rate.take(now);
  rate_.take(now);
  origin.turn = ++turn_;
  refresh(origin, now);
  return id;
}

void Plan::put_back(Id id, Time now) {
  Entry& entry = entries_[id];
  Origin& origin = *entry.origin;
  --handed_out_;
  if (entry.retry) --origin.retries_out;
  origin.rate.give_back();
  rate_.give_back();
  move(id, entry.retry ? &origin.again : &origin.fresh, true);
  refresh(origin, now);
}

void Plan::ended(Id id, Sight sight, int trouble, Time now) {
  Entry& entry = entries_[id];
  Origin& origin = *entry.origin;
  move(id, nullptr);
  --handed_out_;
  if (entry.retry) --origin.retries_out;
  origin.lookahead.ended(now);
  last_ended_ = now;
  origin.trouble = trouble;
  judge(origin, sight, entry.time, now);
  refresh(origin, now);
}

void Plan::hold(Id id, Time until, Time now) {
  Origin& origin = *entries_[id].origin;
  if (until <= std::max(origin.held_until, now)) return;
  if (origin.held_until <= now)
    news_.push_back({*origin.name, PlanNews::What::held, 0, until - now});
  origin.held_until = until;
  recall(origin);
  refresh(origin, now);
}

void Plan::retry(Id id, Time due, Time now) {
  Entry& entry = entries_[id];
  Origin& origin = *entry.origin;
  entry.retry = true;
  if (origin.silence.given_up()) return lose(id);
  if (due > now) {
    entry.time = due;
    timers_.emplace(due, id);
    return move(id, &origin.waiting);
  }
  move(id, &origin.again);
  refresh(origin, now);
}

void Plan::remove(Id id, Time now) {
  Entry& entry = entries_[id];
  Origin& origin = *entry.origin;
  move(id, nullptr);
  entry.origin = nullptr;
  --items_;
  if (--origin.items > 0) return;
  ++idle_;
  refresh(origin, now);
  if (forgettable(origin, now)) {
    --idle_;
    origins_.erase(origins_.find(*origin.name));
  }
}

std::vector<Plan::Id> Plan::give_up() {
  for (auto& [name, origin] : origins_) {
    lose_all(origin);
    unready(origin);
  }
  std::vector<Id> all;
  for (const Lost& lost : take_lost()) all.push_back(lost.id);
  return all;
}

// Takes it out of the list that it is in, and puts it into another.
void Plan::move(Id id, IdList* to, bool first) {
  Entry& entry = entries_[id];
  if (entry.list != nullptr) entry.list->remove(entries_, id);
  entry.list = to;
  if (to == nullptr) return;
  if (first)
    to->push_front(entries_, id);
  else
    to->push_back(entries_, id);
}

// ---- turns --------------------------------------------------------------------------------------

void Plan::wake(Time now) {
  while (!timers_.empty() && timers_.begin()->first <= now) {
    const Id id = timers_.begin()->second;
    timers_.erase(timers_.begin());
    Origin& origin = *entries_[id].origin;
    move(id, &origin.again);
    refresh(origin, now);
  }
  while (!blocked_.empty() && blocked_.begin()->until <= now)
    refresh(*blocked_.begin()->origin, now);
}

std::optional<Time> Plan::next_wake() const {
  std::optional<Time> next;
  const auto sooner = [&](Time time) { next = next ? std::min(*next, time) : time; };
  if (!timers_.empty()) sooner(timers_.begin()->first);
  if (!blocked_.empty()) sooner(blocked_.begin()->until);
  if (handed_out_ > places_) sooner(look_at_);
  const bool rated = settings_.total_rate > 0 && !ready_.empty() && places_ < settings_.in_flight;
  if (rated) sooner(rate_.next());
  return next;
}

// Puts the origin where it belongs: among those that may begin something, or those that wait.
void Plan::refresh(Origin& origin, Time now) {
  places_ -= origin.places;
  origin.places = origin.out.size() - ahead(origin, now);
  places_ += origin.places;
  const bool full = limited(origin) && origin.out.size() >= origin.limit.now();
  if (full || source_of(origin) == nullptr) return unready(origin);
  const Time when = std::max(origin.held_until, origin.rate.next());
  if (when <= now) return make_ready(origin);
  unready(origin);
  origin.blocked = blocked_.insert({when, origin.turn, &origin}).first;
}

// Usually it is, so its node is used again.
void Plan::make_ready(Origin& origin) {
  const Turn turn{origin.places, origin.turn, &origin};
  if (!origin.ready) {
    unready(origin);
    origin.ready = ready_.insert(turn).first;
    return;
  }
  auto node = ready_.extract(*origin.ready);
  node.value() = turn;
  origin.ready = ready_.insert(std::move(node)).position;
}

void Plan::unready(Origin& origin) {
  if (origin.ready) ready_.erase(*origin.ready);
  if (origin.blocked) blocked_.erase(*origin.blocked);
  origin.ready.reset();
  origin.blocked.reset();
}

// Where its next item comes from; null: nothing could begin.
IdList* Plan::source_of(Origin& origin) const {
  if (!origin.again.empty() && origin.retries_out < retries_at_once(origin)) return &origin.again;
  return origin.fresh.empty() ? nullptr : &origin.fresh;
}

// How many of those handed out need no place. Where a limit is below what can be in flight at all,
// each does: the pool does not hold it. Where there are several origins, one that stops to answer
// must not have filled all places before that shows.
std::size_t Plan::ahead(const Origin& origin, Time now) const {
  if (limited(origin)) return 0;
  const std::size_t origins = std::max<std::size_t>(1, origins_.size() - idle_);
  const std::size_t most =
      origins == 1 ? settings_.ahead : std::min(settings_.ahead, settings_.in_flight / origins);
  return std::min({origin.lookahead.at(now), most, origin.out.size()});
}

std::size_t Plan::retries_at_once(const Origin& origin) const {
  return std::max(kRetriesAtLeast, origin.limit.now() / kRetryShare);
}

// ---- origins ------------------------------------------------------------------------------------

Plan::Origin& Plan::origin_named(std::string_view name, Time now) {
  if (const auto known = origins_.find(name); known != origins_.end()) return known->second;
  if (idle_ > sweep_at_) sweep(now);
  const auto place = origins_.try_emplace(std::string(name), settings_).first;
  place->second.name = &place->first;
  place->second.turn = ++turn_;
  ++idle_;
  return place->second;
}

void Plan::judge(Origin& origin, Sight sight, Time begun, Time now) {
  if (sight != Sight::silent) origin.silence.broken();
  if (sight == Sight::good) {
    const bool lowered = origin.limit.lowered();
    origin.limit.good(begun);
    if (lowered && !origin.limit.lowered())
      news_.push_back({*origin.name, PlanNews::What::recovered, origin.limit.now(), {}});
  }
  if (sight == Sight::overloaded || sight == Sight::silent) slow_down(origin, begun, now);
  if (sight == Sight::silent && origin.silence.goes_on(now)) {
    lose_all(origin);
    news_.push_back({*origin.name, PlanNews::What::given_up, 0, {}});
  }
}

void Plan::slow_down(Origin& origin, Time begun, Time now) {
  const std::size_t in_flight = std::min(origin.out.size() + 1, settings_.in_flight);
  const std::size_t before = origin.limit.now();
  if (!origin.limit.bad(begun, now, in_flight)) return;
  if (origin.out.size() > origin.limit.now()) recall(origin);
  if (origin.limit.now() < before)
    news_.push_back({*origin.name, PlanNews::What::slowed, origin.limit.now(), {}});
}

void Plan::lose_all(Origin& origin) {
  while (!origin.waiting.empty()) {
    const Id id = origin.waiting.first();
    timers_.erase({entries_[id].time, id});
    lose(id);
  }
  while (!origin.again.empty()) lose(origin.again.first());
  while (!origin.fresh.empty()) lose(origin.fresh.first());
}

void Plan::lose(Id id) {
  move(id, nullptr);
  lost_.push_back({id, entries_[id].origin->trouble});
}

// In this order they come back, each to the front.
void Plan::recall(const Origin& origin) {
  for (Id id = origin.out.last(); id != IdList::kNone; id = entries_[id].before)
    recalls_.push_back(id);
}

// What was ahead of fast transfers is far behind slow ones.
void Plan::look_over(Time now) {
  look_at_ = now + kLookOver;
  for (auto& [name, origin] : origins_) {
    if (origin.places == origin.out.size() || !origin.lookahead.stale(now)) continue;
    recall(origin);
    refresh(origin, now);
  }
}

bool Plan::forgettable(const Origin& origin, Time now) const {
  return origin.items == 0 && !origin.limit.lowered() && !origin.silence.any() &&
         origin.held_until <= now && origin.rate.rested(now);
}

void Plan::sweep(Time now) {
  idle_ -= std::erase_if(origins_, [now](const auto& named) {
    const Origin& origin = named.second;
    return origin.items == 0 && origin.held_until <= now && origin.rate.rested(now);
  });
  sweep_at_ = std::max(kMostIdle, 2 * idle_);
}

}  // namespace flagship::fetch
