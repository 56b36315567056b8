// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "flagship/v1/fetch.pb.h"
#include "master/fetch/item.hpp"
#include "master/fetch/robots.hpp"

namespace flagship::fetch {

/// Lets no item begin before the robots.txt of its origin has been asked for, and none that it does
/// not allow. Who carries the gate fetches that file; this decides what its answer means (RFC 9309,
/// 2.3.1): a file that is not there allows all, one that cannot be had nothing. Pure.
class RobotsGate {
 public:
  struct Refusal {
    v1::FetchClass error_class = v1::REFUSED_ROBOTS;
    std::string reason;
  };

  /// `agent`: the name by which files know this robot; empty: there is no gate.
  explicit RobotsGate(std::string agent) : agent_(std::move(agent)) {}

  bool open() const { return agent_.empty(); }
  /// Whether the answer of `origin` is there.
  bool knows(const std::string& origin) const;
  /// Keeps an item until it is. True: nobody has asked for it yet.
  bool wait(const std::string& origin, Item&& item);
  /// The answer, and who waited for it.
  std::vector<Item> answered(const std::string& origin, const v1::FetchResult& result);
  /// There will be none.
  std::vector<Item> give_up(const std::string& origin);
  /// Why what `origin` allows does not have this URL in it; nothing: it has, or `origin` is not
  /// known.
  std::optional<Refusal> refusal(const std::string& origin, const std::string& url) const;
  /// Items that are kept.
  std::size_t waiting() const { return waiting_; }

 private:
  struct Origin {
    bool known = false;
    RobotsRules rules;
    std::optional<Refusal> trouble;  // nothing of it is allowed
    std::vector<Item> items;
  };

  void forget_old();
  std::vector<Item> release(Origin& origin);

  const std::string agent_;
  std::unordered_map<std::string, Origin> origins_;
  std::deque<std::string> known_;  // the first is the oldest
  std::size_t waiting_ = 0;
};

}  // namespace flagship::fetch
