// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/os/unique_fd.hpp"
#include "master/hosts/start_turns.hpp"
#include "master/hosts/way.hpp"

namespace flagship::hosts {

/// Starts agents by programs of this machine, one for each, which are its children.
class ProcessLauncher final : public Launcher {
 public:
  /// Throws std::system_error.
  ProcessLauncher(std::unique_ptr<Way> way, std::shared_ptr<StartTurns> turns);
  ~ProcessLauncher() override;
  ProcessLauncher(const ProcessLauncher&) = delete;
  ProcessLauncher& operator=(const ProcessLauncher&) = delete;

  std::string start(const AgentStart& start) override;
  int fd() const override { return epoll_.get(); }
  void read(std::vector<Ended>& out) override;
  void stop(AgentRef agent, bool now) override;
  int carrier(AgentRef agent) const override;

 private:
  using Time = std::chrono::steady_clock::time_point;
  using Key = std::uint64_t;  // in the epoll

  struct Life {
    AgentRef agent;
    std::string ticket;
    std::unique_ptr<ChildProcess> carrier;
    bool begun = false;
    bool killed = false;  // since it was to end at once
    Cause cause{};        // known before its end
    // In the first moments of its start, until then at most.
    std::optional<StartTurns::Turn> turn;
    Time turn_ends{};
    std::optional<Time> kill_at{};  // it does not end by what its way does
  };
  using Lives = std::map<Key, Life>;

  std::unique_ptr<ChildProcess> spawn(const AgentStart& start, Key key);
  void begin(const AgentStart& start, StartTurns::Turn turn);
  void begin_waiting();
  void advance(Life& life);
  void hear(Life& life, std::string_view line);
  Cause explain_stop(const ChildProcess& carrier) const;
  void kill(Life& life);
  void stop(Lives::iterator life, bool now);
  void end(Lives::iterator life);
  void end_unbegun(AgentRef agent, Cause cause);
  void keep_time();
  void set_timer();

  const std::unique_ptr<Way> way_;
  const std::shared_ptr<StartTurns> turns_;
  const UniqueFd epoll_;
  const UniqueFd wake_;   // eventfd: there is a turn, or something to tell
  const UniqueFd timer_;  // timerfd
  Lives lives_;
  Key last_key_;
  std::deque<AgentStart> waiting_;  // for their turn
  std::vector<Ended> ended_;        // not told yet
};

}  // namespace flagship::hosts
