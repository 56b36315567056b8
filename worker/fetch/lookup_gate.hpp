// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstddef>
#include <deque>
#include <string>
#include <unordered_map>
#include <vector>

namespace flagship::fetch {

/// Lets one transfer per host ask the name servers while the others wait for its answer: libcurl
/// starts a thread for each transfer that needs a look-up, thousands at once if a run begins with
/// one host. Also bounds how many hosts are looked up at once. Pure: names, numbers and the time
/// that it is handed.
class LookupGate {
 public:
  LookupGate();

  using Member = std::size_t;
  using TimePoint = std::chrono::steady_clock::time_point;

  /// True: it may begin. False: it waits until `released()` names it.
  bool enter(const std::string& host, Member member, TimePoint now);
  /// Whether `member` is the one who asks for it.
  bool leads(const std::string& host, Member member) const;
  /// `member`'s look-up led to an address, now in libcurl's cache. Nothing happens if it was not
  /// looking up.
  void found(const std::string& host, Member member, TimePoint now);
  /// It led to none: those who waited for it share the answer, and are returned.
  std::vector<Member> failed(const std::string& host, Member member);
  /// `member` needs no look-up any more, for whatever reason. If it was looking up, the next one
  /// does.
  void leave(const std::string& host, Member member);
  /// Who may begin now, by calling `enter()` again.
  std::vector<Member> released();

 private:
  struct Host {
    bool looking = false;
    Member leader = 0;
    TimePoint known_until{};
    std::deque<Member> waiting;
  };

  void stop_looking(Host& host);
  void release_all(Host& host);
  void forget_old(TimePoint now);

  std::unordered_map<std::string, Host> hosts_;
  std::vector<Member> released_;
  std::deque<std::string> queue_;  // hosts whose members wait for a free place
  std::size_t looking_ = 0;
  std::size_t tidy_at_;
};

}  // namespace flagship::fetch
