// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "master/fetch/plan/adaptive_limit.hpp"
#include "master/fetch/plan/id_list.hpp"
#include "master/fetch/plan/lookahead.hpp"
#include "master/fetch/plan/request_rate.hpp"
#include "master/fetch/plan/silence.hpp"
#include "master/fetch/plan/time.hpp"

namespace flagship::fetch {

struct PlanSettings {
  std::size_t in_flight = 30;   // over all workers
  std::size_t per_origin = 30;  // likewise, for each origin
  double rate = 0;              // requests a second for each origin; 0: no limit
  double total_rate = 0;        // likewise, for all of them together
  std::size_t ahead = 0;        // handed out beyond what can be in flight, at most
};

/// How the end of an attempt makes its origin look: it answers; it has too much to do (429, 503,
/// too slow); not a byte came from it; or none of these.
enum class Sight { good, overloaded, silent, other };

/// What the plan decided of an origin by itself, for those who want to see it.
struct PlanNews {
  enum class What { slowed, recovered, held, given_up };
  std::string origin;
  What what = What::slowed;
  std::size_t at_once = 0;  // slowed: from now on
  Duration pause{};         // held: from now
};

/// Decides which item begins next: limits for the whole run and for each origin, pauses that
/// origins ask for, retries that wait for their time, and turns that are fair. Pure: it is handed
/// events and the time. One thread.
///
/// The origin that holds the fewest places comes first, so one that is slow keeps its share of the
/// places and no more. An origin that may have all places is handed out ahead of what it has in
/// flight, as far as its measured speed makes up for it. Of one origin, due retries come first, but
/// in at most a fifth of its places (three at least): an origin in trouble is not asked more often
/// for having failed.
class Plan {
 public:
  /// A dense small integer of the caller's, free again after `remove`.
  using Id = IdList::Id;
  struct Lost {
    Id id = 0;
    int trouble = 0;  // as told of the last attempt at its origin
  };

  explicit Plan(const PlanSettings& settings);

  /// A new item; behind those of the same origin.
  void add(Id id, std::string_view origin, Time now);
  /// The item to begin now; it is handed out until `ended` or `put_back`. Nothing: none may begin.
  std::optional<Id> next(Time now);
  /// It had not begun, and keeps its turn.
  void put_back(Id id, Time now);
  /// An attempt is over. `trouble` is the caller's word for what was wrong. `hold`, `retry` and
  /// `remove` may follow.
  void ended(Id id, Sight sight, int trouble, Time now);
  /// The item's origin is to be left alone until then.
  void hold(Id id, Time until, Time now);
  /// The item is to be tried again, not before `due`.
  void retry(Id id, Time due, Time now);
  void remove(Id id, Time now);
  /// All that is not handed out; to be removed by the caller.
  std::vector<Id> give_up();

  /// Handed out, and to be taken back where that is not too late; the newest first.
  std::vector<Id> take_recalls() { return std::exchange(recalls_, {}); }
  /// Not worth an attempt: their origin has been silent for long. To be removed by the caller.
  std::vector<Lost> take_lost() { return std::exchange(lost_, {}); }
  std::vector<PlanNews> take_news() { return std::exchange(news_, {}); }

  const std::string& origin_of(Id id) const { return *entries_[id].origin->name; }
  std::size_t items() const { return items_; }
  std::size_t handed_out() const { return handed_out_; }
  /// More items would find places at once.
  bool hungry() const { return ready_.empty() && places_ < settings_.in_flight; }
  /// From when on there is time to look for other origins: those in flight take theirs.
  Time slow_from() const { return last_ended_ + kSlow; }
  /// When `next` may have something although nothing ended; nothing: not by itself.
  std::optional<Time> next_wake() const;

 private:
  struct Origin;
  struct Turn {
    std::size_t places = 0;
    std::uint64_t turn = 0;
    Origin* origin = nullptr;
    bool operator<(const Turn& other) const {
      return std::pair(places, turn) < std::pair(other.places, other.turn);
    }
  };
  using Timer = std::pair<Time, Id>;
  struct Block {
    Time until;
    std::uint64_t turn = 0;
    Origin* origin = nullptr;
    bool operator<(const Block& other) const {
      return std::pair(until, turn) < std::pair(other.until, other.turn);
    }
  };
  struct Origin {
    explicit Origin(const PlanSettings& settings)
        : limit(settings.per_origin), rate(settings.rate) {}
    const std::string* name = nullptr;
    IdList fresh, again, waiting, out;
    std::size_t items = 0;
    std::size_t retries_out = 0;
    std::uint64_t turn = 0;
    std::size_t places = 0;  // that its items need, of those that there are
    Lookahead lookahead;
    AdaptiveLimit limit;
    RequestRate rate;
    Silence silence;
    Time held_until = Time::min();
    int trouble = 0;
    std::optional<std::set<Turn>::iterator> ready{};
    std::optional<std::set<Block>::iterator> blocked{};
  };
  struct Entry : IdList::Links {
    Origin* origin = nullptr;
    IdList* list = nullptr;  // that it is in
    Time time{};             // handed out then, or due
    bool retry = false;
  };
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>()(text);
    }
  };

  static constexpr std::chrono::milliseconds kSlow{60};
  Origin& origin_named(std::string_view name, Time now);
  void wake(Time now);
  void refresh(Origin& origin, Time now);
  void make_ready(Origin& origin);
  void unready(Origin& origin);
  IdList* source_of(Origin& origin) const;
  bool limited(const Origin& origin) const { return origin.limit.now() < settings_.in_flight; }
  std::size_t ahead(const Origin& origin, Time now) const;
  std::size_t retries_at_once(const Origin& origin) const;
  void judge(Origin& origin, Sight sight, Time begun, Time now);
  void slow_down(Origin& origin, Time begun, Time now);
  void lose_all(Origin& origin);
  void lose(Id id);
  void recall(const Origin& origin);
  void look_over(Time now);
  void move(Id id, IdList* to, bool first = false);
  bool forgettable(const Origin& origin, Time now) const;
  void sweep(Time now);

  const PlanSettings settings_;
  RequestRate rate_;            // of all origins together
  std::vector<Entry> entries_;  // by id
  std::unordered_map<std::string, Origin, Hash, std::equal_to<>> origins_;
  std::set<Turn> ready_;     // may begin something now
  std::set<Block> blocked_;  // could, but for the time
  std::set<Timer> timers_;   // retries that wait
  std::size_t items_ = 0;
  std::size_t handed_out_ = 0;
  std::size_t places_ = 0;  // that those need, of those that there are
  Time last_ended_{};
  Time look_at_{};
  std::size_t idle_ = 0;  // origins without items
  std::size_t sweep_at_;
  std::uint64_t turn_ = 0;
  std::vector<Id> recalls_;
  std::vector<Lost> lost_;
  std::vector<PlanNews> news_;
};

}  // namespace flagship::fetch
