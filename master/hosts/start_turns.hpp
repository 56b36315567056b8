// SPDX-License-Identifier: MIT
#pragma once

#include <sys/eventfd.h>

#include <memory>
#include <optional>
#include <set>
#include <utility>

namespace flagship::hosts {

/// How many agents may be in the first moments of their start at once, whoever starts them: an sshd
/// begins to refuse connections when ten have not logged in yet, and often there is one in front of
/// all hosts. One thread.
class StartTurns {
 public:
  /// One of them, until its destruction.
  class Turn {
   public:
    explicit Turn(std::shared_ptr<StartTurns> turns) : turns_(std::move(turns)) {}
    Turn(Turn&&) = default;
    Turn& operator=(Turn&&) = delete;
    ~Turn() {
      if (turns_) turns_->give_back();
    }

   private:
    std::shared_ptr<StartTurns> turns_;
  };

  explicit StartTurns(int at_once = 8) : left_(at_once) {}

  /// Nothing: there is none now.
  static std::optional<Turn> take(const std::shared_ptr<StartTurns>& turns) {
    if (turns->left_ == 0) return std::nullopt;
    --turns->left_;
    return std::optional<Turn>(std::in_place, turns);
  }
  /// Until `forget`, this eventfd is written to whenever there is one.
  void wait(int eventfd) { waiting_.insert(eventfd); }
  void forget(int eventfd) { waiting_.erase(eventfd); }

 private:
  void give_back() {
    ++left_;
    for (const int waiting : waiting_) eventfd_write(waiting, 1);
  }

  int left_;
  std::set<int> waiting_;
};

}  // namespace flagship::hosts
