// SPDX-License-Identifier: MIT
#include "worker/fetch/lookup_gate.hpp"

#include <algorithm>
#include <utility>

namespace flagship::fetch {
namespace {

// libcurl keeps an address for 60 s; asking anew somewhat earlier never finds it gone.
constexpr auto kKnownFor = std::chrono::seconds(45);
constexpr std::size_t kLookupsAtOnce = 32;
constexpr std::size_t kHostsKept = 4096;

}  // namespace

LookupGate::LookupGate() : tidy_at_(kHostsKept) {}

bool LookupGate::enter(const std::string& name, Member member, TimePoint now) {
  if (hosts_.size() >= tidy_at_) forget_old(now);
  Host& host = hosts_[name];
  if (host.known_until > now) return true;
  if (host.looking || looking_ >= kLookupsAtOnce) {
    if (!host.looking && host.waiting.empty()) queue_.push_back(name);
    host.waiting.push_back(member);
    return false;
  }
  host.looking = true;
  host.leader = member;
  ++looking_;
  return true;
}

bool LookupGate::leads(const std::string& name, Member member) const {
  const auto at = hosts_.find(name);
  return at != hosts_.end() && at->second.looking && at->second.leader == member;
}

void LookupGate::found(const std::string& name, Member member, TimePoint now) {
  if (!leads(name, member)) return;
  Host& host = hosts_[name];
  host.known_until = now + kKnownFor;
  stop_looking(host);
  release_all(host);
}

std::vector<LookupGate::Member> LookupGate::failed(const std::string& name, Member member) {
  if (!leads(name, member)) return {};
  Host& host = hosts_[name];
  const auto waiting = std::exchange(host.waiting, {});
  stop_looking(host);
  hosts_.erase(name);
  return {waiting.begin(), waiting.end()};
}

void LookupGate::leave(const std::string& name, Member member) {
  const auto at = hosts_.find(name);
  if (at == hosts_.end()) return;
  Host& host = at->second;
  if (host.looking && host.leader == member) {
    stop_looking(host);
    release_all(host);
  } else {
    std::erase(host.waiting, member);
  }
  if (!host.looking && host.waiting.empty() && host.known_until == TimePoint{}) hosts_.erase(at);
}

std::vector<LookupGate::Member> LookupGate::released() { return std::exchange(released_, {}); }

// A place is free: the host that has waited longest gets it.
void LookupGate::stop_looking(Host& host) {
  host.looking = false;
  --looking_;
  while (!queue_.empty()) {
    const std::string next = std::move(queue_.front());
    queue_.pop_front();
    const auto at = hosts_.find(next);
    if (at == hosts_.end() || at->second.waiting.empty()) continue;
    release_all(at->second);
    return;
  }
}

void LookupGate::release_all(Host& host) {
  released_.insert(released_.end(), host.waiting.begin(), host.waiting.end());
  host.waiting.clear();
}

void LookupGate::forget_old(TimePoint now) {
  std::erase_if(hosts_, [now](const auto& entry) {
    const Host& host = entry.second;
    return !host.looking && host.waiting.empty() && host.known_until <= now;
  });
  tidy_at_ = std::max(kHostsKept, 2 * hosts_.size());
}

}  // namespace flagship::fetch
