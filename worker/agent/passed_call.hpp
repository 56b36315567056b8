// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "common/os/unique_fd.hpp"
#include "common/wire/down.hpp"
#include "common/wire/up.hpp"
#include "flagship/detail/call.hpp"

namespace flagship::worker {

/// Where the calls that an agent has passed on to its pool are heard of again: put by the pool's
/// thread, taken by the agent's.
class Returns final : public detail::Watcher {
 public:
  Returns();
  /// Readable when something was put.
  int fd() const { return event_.get(); }
  void put_begun(std::uint64_t ticket);
  struct Taken {
    std::vector<std::uint64_t> begun;
    std::vector<std::uint64_t> ended;
  };
  Taken take();

 private:
  void completed(detail::Watch& watch) noexcept override;
  void wake(bool was_empty) noexcept;

  const UniqueFd event_;
  std::mutex mutex_;  // guards what follows
  Taken waiting_;
};

/// A call of another host's caller: what comes in goes to a worker as it is, and so does what that
/// answers.
class PassedCall final : public detail::RemoteCall {
 public:
  PassedCall(const wire::AssignedCall& call, Returns& returns);
  /// To be called once, before it is submitted.
  void watch_end() { watch(watch_); }

  std::uint64_t ticket() const { return ticket_; }
  struct Answer {
    wire::CallEnding ending = wire::CallEnding::recalled;
    std::string payload;
    bool broken = false;  // the pool is: it did not run, and no other will
  };
  /// After its end, once.
  Answer take_result();

  std::string value_type() const override { return "bytes"; }
  void read_result(std::string_view bytes) override { answer_.assign(bytes); }
  bool take_answer(std::uint8_t ending, std::string_view payload) override;
  void salvage(std::string_view notes) override { notes_.assign(notes); }

 private:
  struct EndWatch : detail::Watch {
    std::uint64_t ticket = 0;
  };
  friend class Returns;
  Answer lost_with_worker() const;

  const std::uint64_t ticket_;
  EndWatch watch_;
  wire::CallEnding ending_ = wire::CallEnding::returned;
  bool answered_ = false;
  std::string answer_;
  std::string notes_;
};

}  // namespace flagship::worker
