// SPDX-License-Identifier: MIT
#include "master/fetch/store/intake.hpp"

#include <utility>

#include "master/fetch/store/file_state.hpp"
#include "worker/fetch/url.hpp"

namespace flagship::fetch {
namespace {

constexpr std::size_t kPage = 256;

}  // namespace

bool RetryFailed::wants(const RecordedItem& item) const {
  if (item.outcome == "not_found") return classes.contains(item.outcome);
  return any || classes.contains(item.error_class);
}

Intake::Intake(Source& source, IntakeOptions options, Told told)
    : source_(source),
      options_(std::move(options)),
      told_(std::move(told)),
      names_(options_.name,
             in_files() && options_.existing == Existing::rename
                 ? [this](const std::string& name) { return is_there(path_of(name)); }
                 : std::function<bool(const std::string&)>()) {
  if (options_.resume) recorded_.emplace(options_.folder);
  if (in_files() && options_.existing == Existing::replace) known_.emplace(options_.folder);
}

Next Intake::next() {
  if (ready_.empty() && !ended_) take_page();
  if (ready_.empty()) return ended_ ? Next(AtEnd{}) : Next(NotYet{});
  Item item = std::move(ready_.front());
  ready_.pop_front();
  return item;
}

std::optional<std::uint64_t> Intake::places() const {
  return ended_ ? std::optional(places_) : std::nullopt;
}

// A page may hold nothing that is left to do. Others get their turn before the next one then.
void Intake::take_page() {
  bool dry = false;
  for (std::size_t turn = 0; turn < kPage && !ended_ && !dry; ++turn) {
    Next next = source_.next();
    ended_ = std::holds_alternative<AtEnd>(next);
    dry = std::holds_alternative<NotYet>(next);
    if (ended_ || dry) continue;
    Item& item = std::get<Item>(next);
    item.place = places_++;
    if (!take(item)) continue;
    item.index = turns_++;
    ready_.push_back(std::move(item));
  }
  if (ready_.empty() && !ended_ && !dry) told_.wake();
  if (reserves() && !ready_.empty()) {
    std::vector<BegunItem> begun;
    for (const Item& item : ready_)
      if (item.trouble.empty()) begun.push_back({item.place, item.key, item.url, item.path});
    told_.reserve(std::move(begun));
  }
  told_.took_in(ready_.size());
}

/// Without it, what this run left behind when it was killed would look like what was there before.
bool Intake::reserves() const { return in_files() && options_.existing != Existing::replace; }

/// False: nothing is left to do for it.
bool Intake::take(Item& item) {
  const auto before = recorded(item);
  if (before && is_done(*before)) {
    count(*before);
    return false;
  }
  if (item.trouble.empty() && options_.bodies != Bodies::nowhere)
    give_path(item, before ? before->path : "");
  return true;
}

std::optional<RecordedItem> Intake::recorded(const Item& item) {
  if (!recorded_) return std::nullopt;
  auto before = recorded_->at(item.place);
  if (!before) return std::nullopt;
  const bool same =
      before->key == item.key && (options_.by_key || before->url == shown_url(item.url));
  if (!same) ++changed_;
  // A name is no longer free when another item, new in the list, got it.
  if (!same || (!before->path.empty() && !names_.take_again(before->path))) return std::nullopt;
  return before;
}

bool Intake::is_done(const RecordedItem& recorded) const {
  if (recorded.outcome.empty() || recorded.unfinished) return false;
  if (recorded.outcome == "not_found" || recorded.outcome == "error")
    return !options_.retry_failed.wants(recorded);
  if (!in_files()) return true;
  const auto state = state_of(path_of(recorded.path));
  return state &&
         (recorded.outcome != "ok" || state->bytes == static_cast<std::int64_t>(recorded.bytes));
}

void Intake::count(const RecordedItem& recorded) {
  ++(recorded.outcome == "ok"          ? before_.ok
     : recorded.outcome == "not_found" ? before_.not_found
     : recorded.outcome == "skipped"   ? before_.skipped
                                       : before_.errors);
  before_.bytes += recorded.outcome == "ok" ? recorded.bytes : 0;
}

void Intake::give_path(Item& item, const std::string& given_before) {
  const bool ours = !given_before.empty();
  const std::string name = ours        ? given_before
                           : item.name ? names_.take(*item.name, extension_of(item.url))
                                       : names_.name_for(item.key, item.url);
  item.path = in_files() ? path_of(name) : name;
  if (!in_files()) return;
  if (known_) known_->add_conditions(item);
  if (!ours) heed_what_is_there(item);
}

void Intake::heed_what_is_there(Item& item) {
  const bool skip = options_.existing == Existing::skip;
  if (!skip && options_.existing != Existing::fail) return;
  if (!is_there(item.path)) return;
  item.trouble = "there was a file of its name before the run";
  item.trouble_class = skip ? v1::NONE : v1::DISK;
  if (!skip) item.path.clear();  // it is not this item's
}

}  // namespace flagship::fetch
