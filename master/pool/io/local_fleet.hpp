// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>
#include <zmq.hpp>

#include "common/os/unique_fd.hpp"
#include "common/wire/pieces.hpp"
#include "flagship/options.hpp"
#include "master/pool/io/crash_reader.hpp"
#include "master/pool/io/oom_kills.hpp"
#include "master/pool/io/outputs.hpp"
#include "master/pool/io/run_dir.hpp"
#include "master/pool/io/spawner.hpp"
#include "master/pool/io/worker_groups.hpp"
#include "master/pool/loop/fleet.hpp"

namespace flagship::pool {

struct FleetSettings {
  std::string pool_name;
  std::string worker_executable;
  std::uint32_t max_workers = 1;
  std::uint32_t places = 1;  // of each claim page
  std::size_t max_message_bytes = 0;
  std::vector<ResourceLimit> limits;
  std::optional<std::uint64_t> memory;  // bytes, of each
  Isolation isolation;
  std::function<void(const WorkerOutput&)> output;  // empty: to stderr
};

/// Worker processes on this host: children of this process, a PUSH socket each, one PULL for what
/// they say. Made in any thread; everything else, its destruction too, in the loop's thread.
class LocalFleet final : public Fleet {
 public:
  /// Throws BrokenProcessPool with a sentence (too few descriptors, no private folder).
  explicit LocalFleet(FleetSettings settings);
  ~LocalFleet() override;

  std::string start(core::WorkerRef worker) override;
  void send(core::WorkerRef worker, wire::Frames&& message) override;
  void signal(core::WorkerRef worker, int signal) override;
  void weigh() override;
  /// Whether `weigh` is wanted, every now and then.
  bool weighs() const { return settings_.memory && !groups_; }
  ClaimPage& claims(core::WorkerRef worker) override { return workers_[worker.id].claims; }
  pid_t pid(core::WorkerRef worker) const override;
  const std::string& host(core::WorkerRef) const override { return host_; }
  void bury(core::WorkerRef worker) override;
  void wait(detail::Deadline deadline, Happenings& out) override;
  std::shared_ptr<detail::Waker> waker() override;

  /// `wait` also ends when this can be read.
  void watch_also(int fd);
  /// The private folder of this pool's sockets.
  const std::string& folder() const { return dir_.path(); }
  /// What workers print.
  Outputs& outputs() { return outputs_; }

 private:
  class EventFd;
  struct Worker {
    core::WorkerRef ref;
    pid_t pid = 0;
    pid_t reaped = 0;      // what its pid was
    bool ordered = false;  // of the spawner, which has not answered yet
    int last_signal = 0;   // by us
    bool too_big = false;  // which is why it was killed
    WorkerGroups::Group group;
    std::optional<std::uint64_t> oom_kills;  // before its start
    UniqueFd pidfd;
    ClaimPage claims;
    zmq::socket_t tasks;
    std::deque<wire::Frames> unsent;  // until it has connected, or taken more
    wire::PieceReader pieces;         // of what it says
  };

  void send_now_or_later(Worker& worker, wire::Frames&& message);
  void flush_unsent();
  void read_outputs();
  bool read_results(Happenings& out);
  wire::PieceReader& pieces_of(pid_t sender);
  void read_starts(Happenings& out);
  void adopt(Worker& worker, pid_t pid);
  void mention_silent_zygote();
  void end_group(Worker& worker);
  void reap(Worker& worker, Happenings& out);
  void explain(const Worker& worker, Death& death);
  void watch(int fd, std::uint64_t key);
  void listen_to_outputs();

  const FleetSettings settings_;
  const std::string host_;
  RunDir dir_;
  zmq::context_t context_;
  zmq::socket_t results_;
  UniqueFd epoll_;
  std::shared_ptr<EventFd> waker_;
  Outputs outputs_;
  bool listening_ = false;  // to outputs
  Spawner spawner_;
  bool mentioned_ = false;  // that the zygote does not answer
  CrashReader crashes_;
  OomKills oom_kills_;
  std::optional<WorkerGroups> groups_;  // when a limit of memory can be kept by them
  std::vector<Worker> workers_;
  wire::PieceReader nobodys_;
  std::vector<std::uint32_t> blocked_;  // workers with something unsent
};

}  // namespace flagship::pool
