// SPDX-License-Identifier: MIT
#include "master/fetch/robots_gate.hpp"

#include <utility>

namespace flagship::fetch {
namespace {

constexpr std::size_t kOriginsKept = 10'000;  // then the oldest is asked again, when it is needed

// That there is no such file is an answer; that the server cannot say now is none.
bool has_answered(const v1::FetchResult& result) {
  if (result.outcome() != v1::FETCH_ERROR) return true;
  if (result.error_class() == v1::REDIRECT) return true;
  const unsigned status = result.status();
  return result.error_class() == v1::HTTP_STATUS && status < 500 && status != 408 &&
         status != 425 && status != 429;
}

}  // namespace

bool RobotsGate::knows(const std::string& origin) const {
  const auto at = origins_.find(origin);
  return at != origins_.end() && at->second.known;
}

bool RobotsGate::wait(const std::string& origin, Item&& item) {
  Origin& entry = origins_[origin];
  entry.items.push_back(std::move(item));
  ++waiting_;
  return entry.items.size() == 1;
}

std::vector<Item> RobotsGate::answered(const std::string& origin, const v1::FetchResult& result) {
  Origin& entry = origins_[origin];
  entry.known = true;
  if (!has_answered(result))
    entry.trouble =
        Refusal{result.error_class(), "its robots.txt cannot be had: " + result.reason()};
  else if (result.outcome() == v1::FETCH_OK)
    entry.rules = RobotsRules::read(result.body(), agent_);
  std::vector<Item> items = release(entry);
  known_.push_back(origin);
  forget_old();
  return items;
}

std::vector<Item> RobotsGate::give_up(const std::string& origin) {
  std::vector<Item> items = release(origins_[origin]);
  origins_.erase(origin);
  return items;
}

std::vector<Item> RobotsGate::release(Origin& origin) {
  waiting_ -= origin.items.size();
  return std::exchange(origin.items, {});
}

void RobotsGate::forget_old() {
  if (known_.size() <= kOriginsKept) return;
  origins_.erase(known_.front());
  known_.pop_front();
}

std::optional<RobotsGate::Refusal> RobotsGate::refusal(const std::string& origin,
                                                       const std::string& url) const {
  const auto at = origins_.find(origin);
  if (at == origins_.end()) return std::nullopt;
  if (at->second.trouble) return at->second.trouble;
  if (at->second.rules.allows(url)) return std::nullopt;
  return Refusal{v1::REFUSED_ROBOTS, "the robots.txt of its server does not allow it"};
}

}  // namespace flagship::fetch
