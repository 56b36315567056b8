// SPDX-License-Identifier: MIT
#pragma once

#include <sys/types.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "common/os/unique_fd.hpp"
#include "common/spawn_request.hpp"
#include "master/pool/io/outputs.hpp"

namespace flagship::pool {

/// Has worker processes started, by one zygote: clones of it, since it has the executable loaded
/// and linked, or that run again where cloning is not possible. Never waits for a zygote. To be
/// used in the one thread that outlives all workers: their parent-death signal follows the thread.
class Spawner {
 public:
  struct Order {
    SpawnRequest request;
    UniqueFd claim_page;
    UniqueFd output;
    const std::atomic<pid_t>* pid;  // in the claim page, which stays until the order is answered
  };
  /// How an order went: a child of this process and leader of its own process group, or a sentence
  /// with the cause.
  struct Answer {
    std::uint32_t worker = 0;
    pid_t pid = 0;
    std::string cause{};
  };

  /// `executable` empty: this one. Starts nothing yet. What the zygote prints goes to `outputs`.
  Spawner(std::string executable, Outputs& outputs);
  ~Spawner();
  Spawner(const Spawner&) = delete;
  Spawner& operator=(const Spawner&) = delete;

  /// Each order gets one answer, by `read`.
  void start(Order&& order);
  /// Readable when `read` may bring something.
  int fd() const { return epoll_.get(); }
  /// True: `read` does bring something.
  bool has_answers() const { return !answers_.empty(); }
  std::vector<Answer> read();
  /// Orders that were not obeyed yet fail for this cause; nobody waits for the zygote any longer.
  void give_up(const std::string& cause);
  /// A worker has ended, with what its tasks had started: once it is reaped its pid is nobody's.
  void gone(pid_t worker);

  /// Since when a zygote that has never answered is waited for; nothing: that is not so.
  std::optional<std::chrono::steady_clock::time_point> unanswered_since() const;
  /// For sentences: "this executable", or its path.
  std::string program() const;
  /// Where the executable of the workers can be read, also when another is in its place by now.
  std::string file() const;

 private:
  pid_t spawn_zygote(int socket, int output);
  void start_zygote();
  std::string stop_zygote();
  void ask();
  void read_answer(pid_t pid);
  void on_zygote_gone();
  void adopt_cloned();
  void watch(bool for_room);
  void answer_first(Answer&& answer);
  void fail_all(const std::string& cause);

  const std::string executable_;
  Outputs& outputs_;
  const UniqueFd epoll_;
  pid_t zygote_ = 0;
  UniqueFd socket_;
  bool answered_ = false;  // this zygote, ever
  std::chrono::steady_clock::time_point zygote_since_{};
  std::deque<Order> orders_;  // not answered, the oldest first
  std::size_t asked_ = 0;     // of these, known to the zygote
  std::vector<Answer> answers_;
  std::unordered_set<pid_t> living_;  // workers
  std::deque<WorkerNews> news_;       // that the zygote was not told yet
  bool for_room_ = false;             // its socket is watched for room, too
};

}  // namespace flagship::pool
